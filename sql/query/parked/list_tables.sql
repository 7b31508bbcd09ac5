-- The attached tables of a queue with policy, parked events and drift.
-- $1 text      queue name
-- Returns rows: table_name text, on_error text (null = as the job file says), parked int8, missed_rows int8,
-- drift_seconds float8 (since the last missed row, null when there is none).
select t.table_name, p.on_error, coalesce(e.parked, 0) as parked, coalesce(d.missed_rows, 0) as missed_rows,
       extract(epoch from now() - d.last_at)::float8 as drift_seconds
  from londiste.table_info t
  left join londiste_rs.table_policy p on p.queue_name = t.queue_name and p.table_name = t.table_name
  left join (select queue_name, table_name, count(*) as parked
               from londiste_rs.parked_event group by queue_name, table_name) e
    on e.queue_name = t.queue_name and e.table_name = t.table_name
  left join londiste_rs.table_drift d on d.queue_name = t.queue_name and d.table_name = t.table_name
 where t.queue_name = $1::text and t.local
 order by t.table_name
