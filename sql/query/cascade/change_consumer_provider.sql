-- A cascaded consumer of this node is to read from another node.
-- $1 text      queue name
-- $2 text      consumer name
-- $3 text      the node to read from; its location must be known here
-- Returns one row: ret_code int4, ret_note text.
select r.ret_code, r.ret_note
  from pgq_node.change_consumer_provider($1::text, $2::text, $3::text) r
