-- Wakes the workers of this database, so that they look at their settings at once; the ancestor's look by themselves.
-- $1 text      queue name
-- Returns one row, void.
select pg_catalog.pg_notify('londiste', $1::text)
