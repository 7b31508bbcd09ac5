create or replace function londiste_rs.detach_consumer(
    i_queue_name text, i_consumer_name text, i_reason text, i_last_tick int8)
returns int4
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: londiste_rs.detach_consumer(4)
--
--      Takes a reader off its queue, so that it holds nothing any more, and keeps its position.
--
--      A cooperative consumer goes with its members; the position is that of the oldest batch that one of them has
--      open. The worker of a node below goes with the watermark of that node. Events that wait to be retried are kept
--      in londiste_rs.dead_event. The consumer of a table's copy leaves no record: its worker begins the copy anew.
--
-- Parameters:
--      i_queue_name    - queue
--      i_consumer_name - consumer
--      i_reason        - why, for those who find it
--      i_last_tick     - position at which it was judged: nothing is done when it has moved; null: whatever it is
--
-- Returns:
--      1; 0 when it has moved or is not subscribed
--
-- Errors:
--      consumer <c> of queue <q> is a watermark
--      consumer <m> of queue <q> is a member of <c>
--
-- Tables:
--      inserts into londiste_rs.detached_consumer and dead_event; deletes by
--      pgq.unregister_consumer(), or for a worker from pgq.subscription and pgq.retry_queue
--
-- Locks:
--      the subscription's rows, for update
-- ----------------------------------------------------------------------
declare
    u record;
    q record;
    v_sub_id int4;
    v_tick int8;
    v_watermark text;
    v_main text;
begin
    select qu.queue_id, qu.queue_switch_step1, s.sub_id
      into q
      from pgq.queue qu
      join pgq.subscription s on s.sub_queue = qu.queue_id
      join pgq.consumer c on c.co_id = s.sub_consumer
     where qu.queue_name = i_queue_name
       and c.co_name = i_consumer_name
       for update of s;
    if not found then
        return 0;
    end if;
    v_sub_id := q.sub_id;
    perform 1 from pgq.subscription s where s.sub_id = v_sub_id order by s.sub_consumer for update;

    select * into u from londiste_rs.consumer_usage(i_queue_name, i_consumer_name);
    if not found then
        select c.co_name into v_main
          from pgq.subscription s
          join pgq.consumer c on c.co_id = s.sub_consumer
         where s.sub_id = v_sub_id
         order by length(c.co_name), c.co_name
         limit 1;
        raise exception 'consumer % of queue % is a member of %', i_consumer_name, i_queue_name, v_main;
    end if;
    if u.kind in ('watermark', 'global') then
        raise exception 'consumer % of queue % is a watermark', i_consumer_name, i_queue_name;
    end if;
    v_tick := u.last_tick;
    if v_tick is null or v_tick <> i_last_tick then
        return 0;
    end if;

    if u.kind <> 'copy' then
        if u.kind = 'worker' then
            execute 'select watermark_name from pgq_node.subscriber_info where queue_name = $1 and subscriber_node = $2'
               into v_watermark using i_queue_name, u.node_name;
        end if;
        insert into londiste_rs.detached_consumer
               (queue_name, consumer_name, kind, node_name, watermark_name, queue_id, sub_id,
                last_tick, tick_time, tick_event_seq, switch_step1, reason)
        select i_queue_name, i_consumer_name, u.kind, u.node_name, v_watermark, q.queue_id, v_sub_id,
               v_tick, t.tick_time, t.tick_event_seq, q.queue_switch_step1, i_reason
          from (select 1) one
          left join pgq.tick t on t.tick_queue = q.queue_id and t.tick_id = v_tick
        on conflict on constraint detached_consumer_pkey do update
           set kind = excluded.kind, node_name = excluded.node_name, watermark_name = excluded.watermark_name,
               queue_id = excluded.queue_id, sub_id = excluded.sub_id, last_tick = excluded.last_tick,
               tick_time = excluded.tick_time, tick_event_seq = excluded.tick_event_seq,
               switch_step1 = excluded.switch_step1, reason = excluded.reason, detached_at = now();
        insert into londiste_rs.dead_event
               (queue_name, consumer_name, ev_id, ev_time, ev_retry, ev_type, ev_data,
                ev_extra1, ev_extra2, ev_extra3, ev_extra4, reason, is_detached)
        select i_queue_name, i_consumer_name, r.ev_id, r.ev_time, r.ev_retry, r.ev_type, r.ev_data,
               r.ev_extra1, r.ev_extra2, r.ev_extra3, r.ev_extra4, 'its reader was detached', true
          from pgq.retry_queue r
         where r.ev_owner = v_sub_id
        on conflict on constraint dead_event_pkey do nothing;
    end if;
    if u.kind = 'worker' then
        -- the names stay: the node is still a subscriber of this one, and pgq_node refers to them
        delete from pgq.retry_queue r where r.ev_owner = v_sub_id;
        delete from pgq.subscription s
         using pgq.consumer c
         where s.sub_queue = q.queue_id
           and c.co_id = s.sub_consumer
           and (s.sub_id = v_sub_id or c.co_name = v_watermark);
    else
        perform pgq.unregister_consumer(i_queue_name, i_consumer_name);
    end if;
    return 1;
end;
$$;

revoke execute on function londiste_rs.detach_consumer(text, text, text, int8) from public;
