-- What is to become of events of a batch whose work is done.
-- $1 text      consumer name
-- $2 int8      batch id
-- Returns one row per event: ev_id int8, after_seconds int4 (null = given up), reason text.
select m.ev_id, m.after_seconds, m.reason
  from londiste_rs.retry_mark m
 where m.consumer_name = $1::text and m.batch_id = $2::int8
 order by m.ev_id
