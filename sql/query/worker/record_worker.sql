-- Notes that a worker is at work, or was until now.
-- $1 text      queue name
-- $2 text      consumer name
-- $3 text      version of the program
-- $4 bool      whether it begins now
-- Returns nothing.
insert into londiste_rs.worker as w (queue_name, consumer_name, version, started_at, seen_at)
values ($1::text, $2::text, $3::text, pg_catalog.clock_timestamp(), pg_catalog.clock_timestamp())
    on conflict (queue_name, consumer_name) do update
   set version = excluded.version, seen_at = excluded.seen_at,
       started_at = case when $4::bool then excluded.started_at else w.started_at end
