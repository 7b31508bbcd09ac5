-- The statement that reads the events of an open batch.
-- $1 int8      batch id
-- Returns one row: sql text; its columns are ev_id, ev_time, ev_txid, ev_retry, ev_type, ev_data, ev_extra1 .. 4.
select pgq.batch_event_sql($1::int8) as sql
