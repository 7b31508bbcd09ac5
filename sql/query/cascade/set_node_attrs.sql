-- Stores the attributes of this node.
-- $1 text      queue name
-- $2 text      attributes, url-encoded
-- Returns one row: ret_code int4, ret_note text.
select r.ret_code, r.ret_note
  from pgq_node.set_node_attrs($1::text, $2::text) r
