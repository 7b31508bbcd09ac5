-- Notes the tick that the transaction's work ends at, as the provider describes it, and what it changed here.
-- $1 text      queue name
-- $2 text      consumer name
-- $3 text      provider node
-- $4 int8      tick id
-- $5 text      tick time at the provider (timestamptz)
-- $6 int8      value of the event id sequence at the tick
-- $7 text[]    tables of this node that were changed (local names; '*' = any)
-- Returns nothing.
with trail as (
    insert into londiste_rs.stream_trail as r (queue_name, consumer_name, place, tick_id, tick_time, tick_event_seq, tables)
    values ($1::text, $2::text, $4::int8 % 8192, $4::int8, ($5::text)::timestamptz, $6::int8, $7::text[])
        on conflict (queue_name, consumer_name, place) do update
       set tick_id = excluded.tick_id, tick_time = excluded.tick_time, tick_event_seq = excluded.tick_event_seq,
           tables = excluded.tables
)
insert into londiste_rs.stream_position as p (queue_name, consumer_name, provider_node, tick_id, tick_time, tick_event_seq)
values ($1::text, $2::text, $3::text, $4::int8, ($5::text)::timestamptz, $6::int8)
    on conflict (queue_name, consumer_name) do update
   set provider_node = excluded.provider_node, tick_id = excluded.tick_id, tick_time = excluded.tick_time,
       tick_event_seq = excluded.tick_event_seq
