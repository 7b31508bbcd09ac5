-- Forgets what the queue has heard of.
-- $1 text      consumer name
-- $2 int8      batch id
delete from londiste_rs.retry_mark where consumer_name = $1::text and batch_id = $2::int8
