create or replace function pgq.register_consumer_at(x_queue_name text, x_consumer_name text, x_tick_pos int8)
returns int4
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq.register_consumer_at(3)
--
--      Subscribes a consumer to a queue, or moves it to another position.
--
-- Parameters:
--      x_queue_name    - queue
--      x_consumer_name - consumer
--      x_tick_pos      - tick after which it starts; null: the newest tick, and a known consumer stays where it is
--
-- Returns:
--      1 when new, 0 when it was subscribed
--
-- Errors:
--      Event queue not created yet
--      cannot reposition, tick not found: <n>
--      No ticks for this queue.  Please run ticker on database.
--
-- Tables:
--      reads pgq.queue, pgq.tick; inserts into pgq.consumer; inserts into or updates pgq.subscription
--
-- Locks:
--      the consumer's and the subscription's row, for update
-- ----------------------------------------------------------------------
declare
    v_queue_id int4;
    v_co_id int4;
    v_tick int8;
begin
    select queue_id into v_queue_id from pgq.queue where queue_name = x_queue_name;
    if not found then
        raise exception 'Event queue not created yet';
    end if;

    insert into pgq.consumer (co_name) select x_consumer_name
     where not exists (select 1 from pgq.consumer where co_name = x_consumer_name)
    on conflict (co_name) do nothing;
    select co_id into v_co_id from pgq.consumer where co_name = x_consumer_name for update;

    if x_tick_pos is not null then
        perform 1 from pgq.tick where tick_queue = v_queue_id and tick_id = x_tick_pos;
        if not found then
            raise exception 'cannot reposition, tick not found: %', x_tick_pos;
        end if;
    end if;

    perform 1 from pgq.subscription where sub_queue = v_queue_id and sub_consumer = v_co_id for update;
    if found then
        if x_tick_pos is not null then
            update pgq.subscription
               set sub_last_tick = x_tick_pos, sub_batch = null, sub_next_tick = null, sub_active = now()
             where sub_queue = v_queue_id and sub_consumer = v_co_id;
        end if;
        return 0;
    end if;

    v_tick := x_tick_pos;
    if v_tick is null then
        select tick_id into v_tick from pgq.tick where tick_queue = v_queue_id order by tick_queue desc, tick_id desc
         limit 1;
        if not found then
            raise exception 'No ticks for this queue.  Please run ticker on database.';
        end if;
    end if;
    insert into pgq.subscription (sub_queue, sub_consumer, sub_last_tick) values (v_queue_id, v_co_id, v_tick);
    return 1;
end;
$$;
