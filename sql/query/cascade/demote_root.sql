-- One step of turning a root into a branch.
-- $1 text      queue name
-- $2 int4      step: 1, 2 or 3
-- $3 text      step 3: the node to read from afterwards, else null
-- Returns one row: ret_code int4, ret_note text, last_tick int8.
select r.ret_code, r.ret_note, r.last_tick
  from pgq_node.demote_root($1::text, $2::int4, $3::text) r
