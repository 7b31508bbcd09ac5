create or replace function pgq.next_batch_custom(
    i_queue_name text, i_consumer_name text, i_min_lag interval, i_min_count int4, i_min_interval interval,
    out batch_id int8, out cur_tick_id int8, out prev_tick_id int8,
    out cur_tick_time timestamptz, out prev_tick_time timestamptz,
    out cur_tick_event_seq int8, out prev_tick_event_seq int8)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq.next_batch_custom(5)
--
--      Opens the next batch of a consumer, or hands out again the one that is open.
--
-- Parameters:
--      i_queue_name    - queue
--      i_consumer_name - consumer
--      i_min_lag       - batch must end at least that long ago; null: no limit
--      i_min_count     - batch should have at least that many events; null: no limit
--      i_min_interval  - batch should span at least that much time; null: no limit
--                        (of the last two one suffices)
--
-- Returns:
--      batch_id                    - id of the batch; null (as all other columns) when there is none
--      cur_tick_*, prev_tick_*     - id, time and event sequence value of the tick that ends it and the one before
--
-- Errors:
--      Not subscriber to queue: <queue>/<consumer>
--      PgQ corruption: Consumer <c> on queue <q> does not see tick <n>
--      Invalid PgQ state: consumer <c> of queue <q> is at transaction <n>, this server is at <n>
--
-- Tables:
--      reads pgq.queue, consumer, tick; updates pgq.subscription when a batch is opened
--
-- Locks:
--      the subscription's row, for update, when a batch is opened: two processes of one consumer get one batch.
--      Nothing, and no transaction id, while there is nothing to do.
--
-- The row is looked for once; from then on it is known by its place. While an old snapshot keeps its earlier versions,
-- finding it by its key means passing all of them.
-- ----------------------------------------------------------------------
declare
    v_queue_id int4;
    v_next int8;
    v_place tid;
    v_locked bool := false;
    v_txid int8;
begin
    loop
        select q.queue_id, s.ctid, s.sub_next_tick, s.sub_batch,
               t1.tick_id, t1.tick_time, t1.tick_event_seq,
               t2.tick_id, t2.tick_time, t2.tick_event_seq,
               greatest(txid_snapshot_xmax(t1.tick_snapshot), txid_snapshot_xmax(t2.tick_snapshot))
          into v_queue_id, v_place, v_next, batch_id,
               prev_tick_id, prev_tick_time, prev_tick_event_seq,
               cur_tick_id, cur_tick_time, cur_tick_event_seq, v_txid
          from pgq.consumer c
          join pgq.subscription s on s.sub_consumer = c.co_id
          join pgq.queue q on q.queue_id = s.sub_queue
          left join pgq.tick t1 on t1.tick_queue = s.sub_queue and t1.tick_id = s.sub_last_tick
          left join pgq.tick t2 on t2.tick_queue = s.sub_queue and t2.tick_id = s.sub_next_tick
         where q.queue_name = i_queue_name
           and c.co_name = i_consumer_name;
        if not found then
            raise exception 'Not subscriber to queue: %/%',
                coalesce(i_queue_name, 'NULL'), coalesce(i_consumer_name, 'NULL');
        end if;

        if prev_tick_id is null then
            raise exception 'PgQ corruption: Consumer % on queue % does not see tick %',
                i_consumer_name, i_queue_name, coalesce(prev_tick_id::text, '<NULL>');
        end if;

        if v_txid > txid_snapshot_xmax(txid_current_snapshot()) then
            perform pgq._foreign_txids(i_queue_name, format(
                'Invalid PgQ state: consumer %s of queue %s is at transaction %s, this server is at %s',
                i_consumer_name, i_queue_name, v_txid, txid_snapshot_xmax(txid_current_snapshot())));
        end if;

        if batch_id is not null then
            return;
        end if;

        if i_min_count is null and i_min_interval is null then
            select t.tick_id, t.tick_time, t.tick_event_seq
              into cur_tick_id, cur_tick_time, cur_tick_event_seq
              from pgq.tick t
             where t.tick_queue = v_queue_id
               and t.tick_id > prev_tick_id
             order by t.tick_queue, t.tick_id
             limit 1;
        else
            select f.next_tick_id, f.next_tick_time, f.next_tick_seq
              into cur_tick_id, cur_tick_time, cur_tick_event_seq
              from pgq.find_tick_helper(v_queue_id, prev_tick_id, prev_tick_time, prev_tick_event_seq,
                                        i_min_count, i_min_interval) f;
        end if;

        if cur_tick_id is not null and i_min_lag is not null and now() - cur_tick_time < i_min_lag then
            cur_tick_id := null;
        end if;

        if cur_tick_id is null then
            prev_tick_id := null;
            prev_tick_time := null;
            prev_tick_event_seq := null;
            cur_tick_time := null;
            cur_tick_event_seq := null;
            return;
        end if;

        exit when v_locked;
        -- not found: it moved meanwhile
        perform 1 from pgq.subscription s where s.ctid = v_place for update;
        v_locked := found;
    end loop;

    batch_id := nextval('pgq.batch_id_seq');
    update pgq.subscription
       set sub_batch = next_batch_custom.batch_id, sub_next_tick = cur_tick_id, sub_active = now()
     where ctid = v_place;
end;
$$;
