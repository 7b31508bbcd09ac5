-- The table that all event tables of a queue inherit from.
-- $1 text      queue name
-- Returns one row: name text (schema.name, unquoted).
select queue_data_pfx as name
  from pgq.queue
 where queue_name = $1::text
