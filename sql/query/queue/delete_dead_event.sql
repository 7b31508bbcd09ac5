-- Removes dead events for good.
-- $1 text      queue name
-- $2 text      consumer name
-- $3 int8      event, null = all
delete from londiste_rs.dead_event
 where queue_name = $1::text and consumer_name = $2::text and not is_detached
   and ($3::int8 is null or ev_id = $3::int8)
