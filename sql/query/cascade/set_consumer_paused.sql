-- Tells a cascaded consumer of this node to stand still, or to go on.
-- $1 text      queue name
-- $2 text      consumer name
-- $3 bool      true = stand still
-- Returns one row: ret_code int4 (201 = it was so already), ret_note text.
select r.ret_code, r.ret_note
  from pgq_node.set_consumer_paused($1::text, $2::text, $3::bool) r
