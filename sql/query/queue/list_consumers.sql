-- The consumers of queues. A member of a cooperative consumer comes after it and shares its subscription id.
-- $1 text      queue name, null = all
-- $2 text      consumer name, null = all
-- Returns one row per consumer, by queue and name: queue_name, consumer_name, member_of text (null = no member), lag,
-- last_seen float8 (seconds; null = idle member), last_tick, current_batch, next_tick, pending_events int8.
select i.queue_name, i.consumer_name, nullif(main.name, i.consumer_name) as member_of,
       extract(epoch from i.lag)::float8 as lag, extract(epoch from i.last_seen)::float8 as last_seen,
       i.last_tick, i.current_batch, i.next_tick, i.pending_events
  from pgq.get_consumer_info($1::text, $2::text) i
  join pgq.queue q on q.queue_name = i.queue_name
  join pgq.consumer c on c.co_name = i.consumer_name
  join pgq.subscription s on s.sub_queue = q.queue_id and s.sub_consumer = c.co_id
  left join lateral (select g.co_name as name
                       from pgq.subscription o
                       join pgq.consumer g on g.co_id = o.sub_consumer
                      where o.sub_id = s.sub_id and o.sub_queue = s.sub_queue
                      order by pg_catalog.length(g.co_name), g.co_name
                      limit 1) main on true
 order by i.queue_name, i.consumer_name
