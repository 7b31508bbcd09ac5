-- Opens the next batch of a consumer, or finds the one that is open.
-- $1 text      queue name
-- $2 text      consumer name
-- $3 text      least lag behind the queue's top (interval), null = none
-- $4 int4      least number of events, null = none
-- $5 text      least time span of the batch (interval), null = none
-- $6 int4      without $4: join the ticks that are there, up to about this many events; null = take the next tick
-- Returns one row: batch_id int8 (null = nothing to do), cur_tick_id int8, prev_tick_id int8, cur_tick_time text,
-- prev_tick_time text, cur_tick_event_seq int8, lag_seconds float8. Locks the subscription row.
--
-- The database side waits until a least number of events is there. To join without waiting, that number is the number
-- of events that are there.
select b.batch_id, b.cur_tick_id, b.prev_tick_id, b.cur_tick_time::text as cur_tick_time,
       b.prev_tick_time::text as prev_tick_time, b.cur_tick_event_seq,
       extract(epoch from (clock_timestamp() - b.cur_tick_time))::float8 as lag_seconds
  from (select case when $6::int4 is not null then (
                   select nullif(greatest(least($6::int8, newest.tick_event_seq - last.tick_event_seq), 0), 0)::int4
                     from pgq.queue q
                     join pgq.subscription s on s.sub_queue = q.queue_id
                     join pgq.consumer c on c.co_id = s.sub_consumer and c.co_name = $2::text
                     join pgq.tick last on last.tick_queue = q.queue_id and last.tick_id = s.sub_last_tick
                     join lateral (
                         select t.tick_event_seq
                           from pgq.tick t
                          where t.tick_queue = q.queue_id
                          order by t.tick_queue desc, t.tick_id desc
                          limit 1
                     ) newest on true
                    where q.queue_name = $1::text
               ) end as events) there,
       lateral pgq.next_batch_custom(
           $1::text, $2::text, ($3::text)::interval, coalesce($4::int4, there.events), ($5::text)::interval) b
