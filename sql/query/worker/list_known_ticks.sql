-- The newest ticks of a stream that this node knows: those that it replayed, and those of its own queue (without the first
-- one, whose time is that of the node's creation).
-- $1 text      queue name
-- $2 text      consumer name
-- $3 int8      how many
-- Returns rows by tick id, downwards: tick_id int8, tick_time text.
select k.tick_id, max(k.tick_time)::text as tick_time
  from (select p.tick_id, p.tick_time
          from londiste_rs.stream_position p
         where p.queue_name = $1::text and p.consumer_name = $2::text
         union all
        select r.tick_id, r.tick_time
          from londiste_rs.stream_trail r
         where r.queue_name = $1::text and r.consumer_name = $2::text
         union all
        (select t.tick_id, t.tick_time
           from pgq.tick t
           join pgq.queue q on q.queue_id = t.tick_queue
          where q.queue_name = $1::text
            and t.tick_id > (select min(o.tick_id) from pgq.tick o where o.tick_queue = q.queue_id)
          order by t.tick_queue desc, t.tick_id desc
          limit $3::int8)) k
 group by k.tick_id
 order by k.tick_id desc
 limit $3::int8
