-- Removes the limit of a reader.
-- $1 text      queue name
-- $2 text      consumer name
delete from londiste_rs.queue_limit where queue_name = $1::text and consumer_name = $2::text
