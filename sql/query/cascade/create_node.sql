-- Makes this database a node of a queue.
-- $1 text      queue name
-- $2 text      root, branch or leaf
-- $3 text      node name; its location must be registered
-- $4 text      worker name
-- $5 text      provider node, null on a root; its location must be registered
-- $6 int8      global watermark where it starts, null on a root
-- $7 text      queue that a merge leaf feeds, else null
-- Returns one row: ret_code int4, ret_note text.
select r.ret_code, r.ret_note
  from pgq_node.create_node($1::text, $2::text, $3::text, $4::text, $5::text, $6::int8, $7::text) r
