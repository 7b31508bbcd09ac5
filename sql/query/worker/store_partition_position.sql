-- Notes the tick of a partition that a combined queue has delivered here, as the worker that merged it saw it. Does nothing
-- where set_partition_watermark does nothing.
-- $1 text      combined queue
-- $2 text      partition queue
-- $3 int8      tick id
-- $4 text      tick time at the partition (timestamptz)
-- $5 int8      value of the partition's event id sequence at the tick
-- Returns nothing.
with part as (
    select n.queue_name, s.consumer_name, s.provider_node
      from pgq_node.node_info n
      join pgq_node.node_info c on c.queue_name = n.combined_queue and c.node_type = 'branch'
      join pgq_node.local_state s on s.queue_name = n.queue_name and s.consumer_name = n.worker_name
     where n.queue_name = $2::text and n.node_type = 'leaf' and n.combined_queue = $1::text
), trail as (
    insert into londiste_rs.stream_trail as r (queue_name, consumer_name, place, tick_id, tick_time, tick_event_seq, tables)
    select queue_name, consumer_name, $3::int8 % 8192, $3::int8, ($4::text)::timestamptz, $5::int8, '{*}' from part
        on conflict (queue_name, consumer_name, place) do update
       set tick_id = excluded.tick_id, tick_time = excluded.tick_time, tick_event_seq = excluded.tick_event_seq,
           tables = excluded.tables
)
insert into londiste_rs.stream_position as p (queue_name, consumer_name, provider_node, tick_id, tick_time, tick_event_seq)
select queue_name, consumer_name, provider_node, $3::int8, ($4::text)::timestamptz, $5::int8 from part
    on conflict (queue_name, consumer_name) do update
   set provider_node = excluded.provider_node, tick_id = excluded.tick_id, tick_time = excluded.tick_time,
       tick_event_seq = excluded.tick_event_seq
