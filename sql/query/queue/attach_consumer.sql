-- Puts a detached reader back, or tells what it would lose.
-- $1 text      queue name
-- $2 text      consumer name
-- $3 bool      whether to do so when events were lost
-- Returns one row: attached bool, kind, node_name, reason text, from_tick int8, from_time text, at_tick int8, at_time
-- text, lost bool, lost_first_event, lost_last_event, lost_events int8 (null = the queue was dropped meanwhile),
-- retry_events int4.
select a.attached, a.kind, a.node_name, a.reason, a.from_tick, a.from_time::text as from_time, a.at_tick,
       a.at_time::text as at_time, a.lost, a.lost_first_event, a.lost_last_event, a.lost_events, a.retry_events
  from londiste_rs.attach_consumer($1::text, $2::text, $3::bool) a
