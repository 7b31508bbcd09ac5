-- Takes a mark of a ticker for this session (see src/ticker/alive.rs), shared with others.
-- $1 int4      first half of the key
-- $2 int4      second half of the key
-- Returns one row: taken bool.
select pg_catalog.pg_try_advisory_lock_shared($1::int4, $2::int4) as taken
