-- Locks the position of a consumer for the rest of the transaction and reads it.
-- $1 text      queue name
-- $2 text      consumer name
-- Returns at most one row: last_tick_id int8, paused bool, uptodate bool, provider_node text. Locks the row FOR UPDATE.
select s.last_tick_id, s.paused, s.uptodate, s.provider_node
  from pgq_node.local_state s
 where s.queue_name = $1::text and s.consumer_name = $2::text
   for update
