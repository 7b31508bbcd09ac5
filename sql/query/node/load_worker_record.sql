-- What a worker of this program has left about itself.
-- $1 text      queue name
-- $2 text      consumer name of the worker
-- Returns at most one row: version text, started_seconds float8 (since it began), seen_seconds float8 (since it was last seen).
select w.version,
       extract(epoch from pg_catalog.clock_timestamp() - w.started_at)::float8 as started_seconds,
       extract(epoch from pg_catalog.clock_timestamp() - w.seen_at)::float8 as seen_seconds
  from londiste_rs.worker w
 where w.queue_name = $1::text and w.consumer_name = $2::text
