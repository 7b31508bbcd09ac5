-- Where the gravestone of a node stands in the queue of this database.
-- $1 text      queue name
-- $2 text      node name
-- Returns at most one row: last_tick int8.
select c.last_tick
  from pgq.get_consumer_info($1::text, $2::text || '.gravestone') c
