create or replace function londiste_rs.cut_queue(
    in i_queue_name text, in i_tick_id int8,
    out event_count int8, out tick_count int8, out consumers text[])
returns record
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: londiste_rs.cut_queue(2)
--
--      Takes away what a queue has behind a tick: the events, the ticks. Readers that had come further stand at that tick
--      afterwards. For a branch whose provider lost that part of history, and for an old root that comes back after
--      another one took its place.
--
-- Parameters:
--      i_queue_name    - queue, closed for inserts and for the ticker
--      i_tick_id       - last tick that stays
--
-- Returns:
--      event_count     - events that were deleted
--      tick_count      - ticks that were deleted
--      consumers       - readers that were moved back
--
-- Errors:
--      no such queue, no such tick, or the queue is open: nothing is changed
--
-- Tables:
--      deletes from the queue's event tables and pgq.tick; updates pgq.subscription
--
-- Locks:
--      the queue's row for update, the event tables in EXCLUSIVE mode
-- ----------------------------------------------------------------------
declare
    v_queue record;
    v_snapshot txid_snapshot;
begin
    select q.queue_id, q.queue_data_pfx, q.queue_external_ticker and q.queue_disable_insert as closed
      into v_queue
      from pgq.queue q
     where q.queue_name = i_queue_name
       for update;
    if not found then
        raise exception 'no such queue: %', i_queue_name;
    end if;
    if not v_queue.closed then
        raise exception 'queue % is open: it can be cut only where nobody writes to it', i_queue_name;
    end if;
    select t.tick_snapshot into v_snapshot
      from pgq.tick t
     where t.tick_queue = v_queue.queue_id and t.tick_id = i_tick_id;
    if not found then
        raise exception 'queue % has no tick %', i_queue_name, i_tick_id;
    end if;

    execute format('lock table %s in exclusive mode', pgq.quote_fqname(v_queue.queue_data_pfx));
    execute format('delete from %s where ev_txid >= $1 and not txid_visible_in_snapshot(ev_txid, $2)',
            pgq.quote_fqname(v_queue.queue_data_pfx))
        using txid_snapshot_xmin(v_snapshot), v_snapshot;
    get diagnostics event_count = row_count;

    with moved as (
        update pgq.subscription s
           set sub_last_tick = least(s.sub_last_tick, i_tick_id),
               sub_next_tick = null,
               sub_batch = null,
               sub_active = now()
          from pgq.consumer c
         where s.sub_queue = v_queue.queue_id
           and c.co_id = s.sub_consumer
           and (s.sub_last_tick > i_tick_id or s.sub_next_tick > i_tick_id)
        returning c.co_name)
    select array_agg(m.co_name order by m.co_name) into consumers from moved m;

    delete from pgq.tick t
     where t.tick_queue = v_queue.queue_id and t.tick_id > i_tick_id;
    get diagnostics tick_count = row_count;
end;
$$;
