-- Keeps a second installer of the same database out until the transaction ends.
-- Returns one row, void.
select pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtext('londiste_rs.component')::int8)
