-- Takes the place of the one worker that ticks this database (see src/ticker/alive.rs), for this session alone.
-- $1 int4      first half of the key
-- $2 int4      second half of the key
-- Returns one row: taken bool.
select pg_catalog.pg_try_advisory_lock($1::int4, $2::int4) as taken
