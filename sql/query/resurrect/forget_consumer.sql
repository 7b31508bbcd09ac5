-- Forgets the position of a cascaded consumer.
-- $1 text      queue name
-- $2 text      consumer name
-- Returns one row: ret_code int4, ret_note text.
select u.ret_code, u.ret_note
  from pgq_node.unregister_consumer($1::text, $2::text) u
