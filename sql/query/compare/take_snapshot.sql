-- What has been committed in this database up to now.
-- Returns one row: snapshot text.
select pg_catalog.txid_current_snapshot()::text as snapshot
