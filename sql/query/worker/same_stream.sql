-- Whether a provider's tick is the one that this node has replayed.
-- $1 text      queue name
-- $2 text      consumer name
-- $3 int8      tick id
-- $4 text      tick time at the provider (timestamptz)
-- Returns at most one row, none when nothing is known of that tick: same bool, tick_time text.
select k.tick_time = ($4::text)::timestamptz as same, k.tick_time::text as tick_time
  from (select p.tick_time
          from londiste_rs.stream_position p
         where p.queue_name = $1::text and p.consumer_name = $2::text and p.tick_id = $3::int8
         union all
        select r.tick_time
          from londiste_rs.stream_trail r
         where r.queue_name = $1::text and r.consumer_name = $2::text and r.place = $3::int8 % 8192
           and r.tick_id = $3::int8) k
 limit 1
