-- Where one cascaded consumer of this node stands.
-- $1 text      queue name
-- $2 text      consumer name
-- Returns one row: ret_code int4 (100, or 404), ret_note text, paused bool, uptodate bool, completed_tick int8.
select s.ret_code, s.ret_note, s.paused, s.uptodate, s.completed_tick
  from pgq_node.get_consumer_state($1::text, $2::text) s
