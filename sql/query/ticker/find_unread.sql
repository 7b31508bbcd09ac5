-- How far the nearest consumer of each queue is behind.
-- Returns rows for queues with a tick that no consumer has begun to read: queue_id int4, unread_age float8 (seconds since
-- the first such tick). Queues without consumers are left out.
select nearest.queue_id, extract(epoch from pg_catalog.clock_timestamp() - u.tick_time)::float8 as unread_age
  from (select s.sub_queue as queue_id, max(coalesce(s.sub_next_tick, s.sub_last_tick)) as tick_id
          from pgq.subscription s
         group by s.sub_queue) nearest,
       lateral (select n.tick_time
                  from pgq.tick n
                 where n.tick_queue = nearest.queue_id and n.tick_id > nearest.tick_id
                 order by n.tick_queue, n.tick_id
                 limit 1) u
