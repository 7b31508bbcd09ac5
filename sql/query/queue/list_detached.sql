-- Readers that were taken off their queue. Needs schema londiste_rs.
-- $1 text      queue name, null = all
-- $2 text      consumer name, null = all
-- Returns one row per reader, by queue and name: queue_name, consumer_name, kind, node_name text, last_tick int8,
-- tick_time text, reason text, detached_at text, detached_seconds float8.
select d.queue_name, d.consumer_name, d.kind, d.node_name, d.last_tick, d.tick_time::text as tick_time, d.reason,
       pg_catalog.to_char(d.detached_at, 'YYYY-MM-DD HH24:MI:SSOF') as detached_at,
       extract(epoch from pg_catalog.now() - d.detached_at)::float8 as detached_seconds
  from londiste_rs.detached_consumer d
 where ($1::text is null or d.queue_name = $1::text) and ($2::text is null or d.consumer_name = $2::text)
 order by d.queue_name, d.consumer_name
