-- Tells the workers of a queue in this database, when the transaction commits, that tables have changed.
-- $1 text      queue name
select pg_catalog.pg_notify('londiste', $1::text)
