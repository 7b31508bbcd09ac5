-- The table that all events of a queue are under, with what two snapshots differ in as a condition of one's own.
-- $1 text      queue name
-- Returns at most one row: table_name text.
select pgq.quote_fqname(q.queue_data_pfx) as table_name
  from pgq.queue q
 where q.queue_name = $1::text
