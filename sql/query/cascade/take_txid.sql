-- Takes a transaction id, which the database spends on this.
-- Returns one row: txid int8.
select pg_catalog.txid_current() as txid
