-- Forgets what a node knows of the ticks behind one.
-- $1 text      queue name
-- $2 text      consumer name
-- $3 int8      tick
-- Returns nothing.
with trail as (
    delete from londiste_rs.stream_trail r
     where r.queue_name = $1::text and r.consumer_name = $2::text and r.tick_id > $3::int8
)
delete from londiste_rs.stream_position p
 where p.queue_name = $1::text and p.consumer_name = $2::text and p.tick_id > $3::int8
