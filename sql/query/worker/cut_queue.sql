-- Takes away what a queue has behind a tick.
-- $1 text      queue name
-- $2 int8      last tick that stays
-- Returns one row: event_count int8, tick_count int8, consumers text[] (readers that were moved back; null = none).
select c.event_count, c.tick_count, c.consumers
  from londiste_rs.cut_queue($1::text, $2::int8) c
