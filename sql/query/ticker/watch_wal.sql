-- Where the server's log of changes ends: while this stands still, no database of the cluster has a new event.
-- Returns one row: place text.
select pg_catalog.pg_current_wal_insert_lsn()::text as place
