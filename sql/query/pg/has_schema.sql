-- Whether a schema exists.
-- $1 text      name
-- Returns one row: found.
select exists (select 1 from pg_catalog.pg_namespace n where n.nspname = $1::text) as found
