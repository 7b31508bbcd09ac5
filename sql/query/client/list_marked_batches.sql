-- Batches of which something is remembered.
-- $1 text      consumer name
-- Returns one row per batch: batch_id int8.
select distinct m.batch_id from londiste_rs.retry_mark m where m.consumer_name = $1::text
