-- Stores the position of the worker, inside the transaction of its work.
-- $1 text      queue name
-- $2 text      consumer name
-- $3 int8      last tick whose work is done
-- Returns one row: ret_code int4.
select ret_code
  from pgq_node.set_consumer_completed($1::text, $2::text, $3::int8)
