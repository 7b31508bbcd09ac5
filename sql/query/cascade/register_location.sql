-- Makes a node known here, or changes its location or dead mark; on a root the change travels down the queue.
-- $1 text      queue name
-- $2 text      node name
-- $3 text      location, null = keep the known one
-- $4 bool      whether the node is dead
-- Returns one row: ret_code int4, ret_note text. Locks node_info.
select r.ret_code, r.ret_note
  from pgq_node.register_location($1::text, $2::text, $3::text, $4::bool) r
