-- Which database this is, and which transactions are finished in it.
-- Returns one row: datname text, oid int8, snapshot text.
select d.datname::text as datname, d.oid::int8 as oid, pg_catalog.txid_current_snapshot()::text as snapshot
  from pg_catalog.pg_database d
 where d.datname = pg_catalog.current_database()
