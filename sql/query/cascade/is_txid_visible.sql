-- Whether a transaction was finished when a snapshot was taken.
-- $1 int8      transaction id
-- $2 text      snapshot
-- Returns one row: visible bool.
select pg_catalog.txid_visible_in_snapshot($1::int8, ($2::text)::pg_catalog.txid_snapshot) as visible
