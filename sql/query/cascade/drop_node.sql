-- Drops a node where it lives, with its queue, or forgets it where it does not.
-- $1 text      queue name
-- $2 text      node name
-- Returns one row: ret_code int4, ret_note text.
select r.ret_code, r.ret_note
  from pgq_node.drop_node($1::text, $2::text) r
