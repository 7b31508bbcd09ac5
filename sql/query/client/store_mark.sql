-- Remembers, in the transaction of the work, what is to become of an event of the batch.
-- $1 text      consumer name
-- $2 int8      batch id
-- $3 int8      event id
-- $4 int4      seconds until it comes again, null = given up
-- $5 text      why it is given up
insert into londiste_rs.retry_mark (consumer_name, batch_id, ev_id, after_seconds, reason)
values ($1::text, $2::int8, $3::int8, $4::int4, $5::text)
