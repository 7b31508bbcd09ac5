create or replace function londiste_rs.consumer_usage(
    i_queue_name text, i_consumer_name text,
    out queue_name text, out consumer_name text, out kind text, out node_name text, out member_count int4,
    out last_tick int8, out age interval, out events int8, out bytes int8)
returns setof record
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: londiste_rs.consumer_usage(2)
--
--      How much of a queue its readers hold.
--
-- Parameters:
--      i_queue_name    - queue; null: all
--      i_consumer_name - consumer; null: all. Members of a cooperative consumer count with their main consumer.
--
-- Returns:
--      queue_name, consumer_name   - subscription
--      kind            - reader; group (cooperative); worker (of a node below this one); copy (of a table, by such a
--                        worker); watermark (of a node below); global (the global watermark)
--      node_name       - node that a worker, copy or watermark belongs to
--      member_count    - members of a cooperative consumer
--      last_tick       - tick after which it has finished nothing
--      age             - how long the first tick after that waits to be finished; 0 when there is none
--      events          - about how many events are ticked and not finished
--      bytes           - share of the queue's event tables that these events make up, about
--
-- Tables:
--      reads pgq.queue, consumer, subscription, tick and, where installed, pgq_node.subscriber_info
-- ----------------------------------------------------------------------
declare
    v_nodes jsonb := '[]';
begin
    if to_regclass('pgq_node.subscriber_info') is not null then
        execute 'select coalesce(jsonb_agg(i), ''[]'') from pgq_node.subscriber_info i' into v_nodes;
    end if;

    return query
    with sub as (
        select q.queue_id, q.queue_name as q_name, q.queue_data_pfx, s.sub_id,
               (array_agg(c.co_name order by length(c.co_name), c.co_name))[1] as co_name,
               count(*)::int4 - 1 as members, min(s.sub_last_tick) as tick
          from pgq.subscription s
          join pgq.queue q on q.queue_id = s.sub_queue
          join pgq.consumer c on c.co_id = s.sub_consumer
         where i_queue_name is null or q.queue_name = i_queue_name
         group by q.queue_id, q.queue_name, q.queue_data_pfx, s.sub_id
    ), size as (
        select distinct on (sub.queue_id) sub.queue_id,
               (select sum(pg_total_relation_size(i.inhrelid))::int8
                  from pg_inherits i
                 where i.inhparent = to_regclass(sub.queue_data_pfx)) as total,
               newest.tick_event_seq as top, newest.tick_event_seq - oldest.tick_event_seq as span
          from sub
          cross join lateral (select t.tick_event_seq from pgq.tick t where t.tick_queue = sub.queue_id
                               order by t.tick_queue desc, t.tick_id desc limit 1) newest
          cross join lateral (select t.tick_event_seq from pgq.tick t where t.tick_queue = sub.queue_id
                               order by t.tick_queue, t.tick_id limit 1) oldest
    )
    select sub.q_name, sub.co_name,
           case when sub.co_name = '.global_watermark' then 'global'
                when node.watermark then 'watermark'
                when node.name is null then case when sub.members > 0 then 'group' else 'reader' end
                when node.copy then 'copy'
                else 'worker' end,
           node.name, sub.members, sub.tick,
           coalesce(clock_timestamp() - waiting.tick_time, '0'::interval),
           greatest(size.top - at.tick_event_seq, 0),
           case when size.span > 0
                then (coalesce(size.total, 0)
                      * least(greatest(size.top - at.tick_event_seq, 0)::float8 / size.span, 1))::int8
                else 0 end
      from sub
      left join size on size.queue_id = sub.queue_id
      left join pgq.tick at on at.tick_queue = sub.queue_id and at.tick_id = sub.tick
      left join lateral (select t.tick_time from pgq.tick t
                          where t.tick_queue = sub.queue_id and t.tick_id > sub.tick
                          order by t.tick_queue, t.tick_id limit 1) waiting on true
      left join lateral (select n ->> 'subscriber_node' as name,
                                n ->> 'watermark_name' = sub.co_name as watermark,
                                n ->> 'worker_name' <> sub.co_name as copy
                           from jsonb_array_elements(v_nodes) n
                          where n ->> 'queue_name' = sub.q_name
                            and (sub.co_name in (n ->> 'worker_name', n ->> 'watermark_name')
                                 or starts_with(sub.co_name, (n ->> 'worker_name') || '.copy.'))
                          limit 1) node on true
     where i_consumer_name is null or sub.co_name = i_consumer_name
     order by 1, 2;
end;
$$;

revoke execute on function londiste_rs.consumer_usage(text, text) from public;
