-- Whether a provider's tick is the one that this node has replayed.
-- $1 text      queue name
-- $2 text      consumer name
-- $3 text      provider node
-- $4 int8      tick id
-- $5 text      tick time at the provider (timestamptz)
-- Returns at most one row, none when nothing is known of that tick from that provider: same bool, tick_time text.
select p.tick_time = ($5::text)::timestamptz as same, p.tick_time::text as tick_time
  from londiste_rs.stream_position p
 where p.queue_name = $1::text and p.consumer_name = $2::text and p.provider_node = $3::text and p.tick_id = $4::int8
