-- Events that wait to be delivered again. Needs the rights of pgq_admin.
-- $1 text      queue name, null = all
-- $2 text      consumer name, null = all
-- $3 int8      most rows, null = all
-- Returns one row per event, by the time it is due: queue_name, consumer_name text, ev_id int8, due_seconds float8 (from
-- now; negative = due), ev_retry int4, ev_time, ev_type, ev_data, ev_extra1 .. ev_extra4 text.
select q.queue_name, c.name as consumer_name, r.ev_id,
       extract(epoch from r.ev_retry_after - pg_catalog.now())::float8 as due_seconds, r.ev_retry,
       r.ev_time::text as ev_time, r.ev_type, r.ev_data, r.ev_extra1, r.ev_extra2, r.ev_extra3, r.ev_extra4
  from pgq.retry_queue r
  join pgq.queue q on q.queue_id = r.ev_queue
  join lateral (select g.co_name as name
                  from pgq.subscription s
                  join pgq.consumer g on g.co_id = s.sub_consumer
                 where s.sub_id = r.ev_owner and s.sub_queue = r.ev_queue
                 order by pg_catalog.length(g.co_name), g.co_name
                 limit 1) c on true
 where ($1::text is null or q.queue_name = $1::text) and ($2::text is null or c.name = $2::text)
 order by r.ev_retry_after, r.ev_id
 limit $3::int8
