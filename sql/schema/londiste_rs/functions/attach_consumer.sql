create or replace function londiste_rs.attach_consumer(
    i_queue_name text, i_consumer_name text, i_accept_loss bool,
    out attached bool, out kind text, out node_name text, out reason text, out detached_at timestamptz,
    out from_tick int8, out from_time timestamptz, out at_tick int8, out at_time timestamptz,
    out lost bool, out lost_first_event int8, out lost_last_event int8, out lost_events int8, out retry_events int4)
returns record
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: londiste_rs.attach_consumer(3)
--
--      Puts a detached reader back on its queue, at the position that it had, or where that is gone at the oldest one
--      that the queue still has. A cooperative consumer comes back without members; they add themselves.
--
-- Parameters:
--      i_queue_name    - queue
--      i_consumer_name - consumer
--      i_accept_loss   - whether to do so when events were lost; else nothing is changed, and the answer tells what
--
-- Returns:
--      attached        - whether it reads again
--      kind, node_name, reason, detached_at - as recorded when it was detached
--      from_tick, from_time    - the position that it had
--      at_tick, at_time        - the position that it has got, or would
--      lost            - whether the batches from from_tick to at_tick are gone
--      lost_first_event .. lost_events - ids of the events in them, and how many there were at most; null when the
--                        queue was dropped meanwhile
--      retry_events    - events that go back to be retried
--
-- Errors:
--      consumer <c> of queue <q> is not detached
--      consumer <c> of queue <q> is registered
--      No such event queue
--      No ticks for this queue.  Please run ticker on database.
--
-- Tables:
--      deletes from londiste_rs.detached_consumer and dead_event; inserts into pgq.subscription and retry_queue
--
-- Locks:
--      the record and the queue's row (no rotation meanwhile), for update
-- ----------------------------------------------------------------------
declare
    d londiste_rs.detached_consumer;
    q record;
    v_tick record;
    v_oldest record;
begin
    select * into d from londiste_rs.detached_consumer dc
     where dc.queue_name = i_queue_name and dc.consumer_name = i_consumer_name
       for update;
    if not found then
        raise exception 'consumer % of queue % is not detached', i_consumer_name, i_queue_name;
    end if;
    select qu.queue_id, qu.queue_switch_step1, qu.queue_switch_step2 into q
      from pgq.queue qu where qu.queue_name = i_queue_name for update;
    if not found then
        raise exception 'No such event queue';
    end if;
    if exists (select 1 from pgq.subscription s join pgq.consumer c on c.co_id = s.sub_consumer
                where s.sub_queue = q.queue_id and c.co_name = i_consumer_name)
    then
        raise exception 'consumer % of queue % is registered', i_consumer_name, i_queue_name;
    end if;
    select t.tick_id, t.tick_time, t.tick_event_seq into v_oldest
      from pgq.tick t where t.tick_queue = q.queue_id order by t.tick_queue, t.tick_id limit 1;
    if not found then
        raise exception 'No ticks for this queue.  Please run ticker on database.';
    end if;

    kind := d.kind;
    node_name := d.node_name;
    reason := d.reason;
    detached_at := d.detached_at;
    from_tick := d.last_tick;
    from_time := d.tick_time;
    -- Rotation takes a tick away together with the events after it. Only the last tick of a queue stays in any case:
    -- it speaks for its events only where no rotation came after it, or none since the detachment.
    select t.tick_id, t.tick_time, t.tick_event_seq into v_tick
      from pgq.tick t
     where t.tick_queue = q.queue_id
       and q.queue_id = d.queue_id
       and t.tick_id = d.last_tick
       and t.tick_time = d.tick_time
       and (d.switch_step1 = q.queue_switch_step1
            or txid_snapshot_xmin(t.tick_snapshot) > q.queue_switch_step2
            or (select count(*) from pgq.tick o where o.tick_queue = q.queue_id) > 1);
    lost := not found;
    if lost then
        v_tick := v_oldest;
        if q.queue_id = d.queue_id then
            lost_first_event := d.tick_event_seq + 1;
            lost_last_event := v_tick.tick_event_seq;
            lost_events := greatest(v_tick.tick_event_seq - d.tick_event_seq, 0);
        end if;
    end if;
    at_tick := v_tick.tick_id;
    at_time := v_tick.tick_time;
    select count(*) into retry_events from londiste_rs.dead_event e
     where e.queue_name = i_queue_name and e.consumer_name = i_consumer_name and e.is_detached;
    attached := not lost or coalesce(i_accept_loss, false);
    if not attached then
        return;
    end if;

    perform pgq.register_consumer_at(i_queue_name, i_consumer_name, at_tick);
    if d.watermark_name is not null then
        perform pgq.register_consumer_at(i_queue_name, d.watermark_name, at_tick);
    end if;
    if q.queue_id = d.queue_id and not exists (select 1 from pgq.subscription s where s.sub_id = d.sub_id) then
        update pgq.subscription s
           set sub_id = d.sub_id
          from pgq.consumer c
         where c.co_name = i_consumer_name
           and s.sub_consumer = c.co_id
           and s.sub_queue = q.queue_id;
    end if;
    with back as (
        delete from londiste_rs.dead_event e
         where e.queue_name = i_queue_name and e.consumer_name = i_consumer_name and e.is_detached
        returning e.*
    )
    insert into pgq.retry_queue (ev_retry_after, ev_queue, ev_id, ev_time, ev_owner, ev_retry, ev_type, ev_data,
                                 ev_extra1, ev_extra2, ev_extra3, ev_extra4)
    select now(), q.queue_id, b.ev_id, b.ev_time, s.sub_id, b.ev_retry, b.ev_type, b.ev_data,
           b.ev_extra1, b.ev_extra2, b.ev_extra3, b.ev_extra4
      from back b
      join pgq.subscription s on s.sub_queue = q.queue_id
      join pgq.consumer c on c.co_id = s.sub_consumer and c.co_name = i_consumer_name;
    delete from londiste_rs.detached_consumer dc
     where dc.queue_name = i_queue_name and dc.consumer_name = i_consumer_name;
end;
$$;

revoke execute on function londiste_rs.attach_consumer(text, text, bool) from public;
