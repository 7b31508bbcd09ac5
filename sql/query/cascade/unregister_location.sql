-- Forgets a node; on a root the change travels down the queue.
-- $1 text      queue name
-- $2 text      node name
-- Returns one row: ret_code int4, ret_note text.
select r.ret_code, r.ret_note
  from pgq_node.unregister_location($1::text, $2::text) r
