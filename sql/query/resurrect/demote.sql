-- Makes a closed root a branch; it stands at its last tick then.
-- $1 text      queue name
-- $2 text      provider node
-- Returns one row: ret_code int4, ret_note text, last_tick int8.
select d.ret_code, d.ret_note, d.last_tick
  from pgq_node.demote_root($1::text, 3, $2::text) d
