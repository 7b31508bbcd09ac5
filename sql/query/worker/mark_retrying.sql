-- Tells, by a session lock, that a worker lives and waits to try again.
-- $1 text      queue name
-- $2 text      consumer name
-- Returns one row: taken bool.
select pg_catalog.pg_try_advisory_lock(
           pg_catalog.hashtextextended('londiste retry ' || $1::text || ' ' || $2::text, 0)) as taken
