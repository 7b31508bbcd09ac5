-- Readers of a queue that are behind no node of the cascade, and those that are further than a tick.
-- $1 text      queue name
-- $2 int8      tick
-- Returns rows: consumer_name text, last_tick int8.
select c.consumer_name, c.last_tick
  from pgq.get_consumer_info($1::text) c
 where c.last_tick > $2::int8 and c.consumer_name not like '.%'
   and not exists (select 1 from pgq_node.subscriber_info s
                    where s.queue_name = $1::text and s.worker_name = c.consumer_name)
 order by 1
