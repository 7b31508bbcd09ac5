create or replace function pgq_coop.next_batch_custom(
    i_queue_name text, i_consumer_name text, i_subconsumer_name text,
    i_min_lag interval, i_min_count int4, i_min_interval interval)
returns int8
language plpgsql as $$
-- ----------------------------------------------------------------------
-- Function: pgq_coop.next_batch_custom(6)
--
--      Opens the next batch of a member, of a least size.
--      See pgq_coop.next_batch_custom(7).
-- ----------------------------------------------------------------------
begin
    return pgq_coop.next_batch_custom(i_queue_name, i_consumer_name, i_subconsumer_name,
                                      i_min_lag, i_min_count, i_min_interval, null);
end;
$$;

create or replace function pgq_coop.next_batch_custom(
    i_queue_name text, i_consumer_name text, i_subconsumer_name text,
    i_min_lag interval, i_min_count int4, i_min_interval interval, i_dead_interval interval)
returns int8
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq_coop.next_batch_custom(7)
--
--      Opens the next batch of a member of a cooperative consumer, or hands out again the one that is open. Registers
--      what is not registered yet.
--
-- Parameters:
--      i_queue_name        - queue
--      i_consumer_name     - main consumer
--      i_subconsumer_name  - member
--      i_min_lag, i_min_count, i_min_interval  - as for pgq.next_batch_custom()
--      i_dead_interval     - a member not heard of for that long is removed, and its open batch taken over;
--                            null: never
--
-- Returns:
--      id of the batch; null when there is none
--
-- Errors:
--      main consumer has batch open?
--
-- Tables:
--      updates pgq.subscription, deletes from it
--
-- Locks:
--      the main consumer's row, for update: one member at a time, until the transaction ends
--
-- Ancestor: which of several dead members goes is left to chance, and idle members count as dead. Here it is the one
-- whose batch is the oldest, and an idle member touches its row each time it asks.
-- ----------------------------------------------------------------------
declare
    v_member text := i_consumer_name || '.' || i_subconsumer_name;
    v_queue_id int4;
    v_main_id int4;
    v_sub_id int4;
    v_member_id int4;
    v_main_next int8;
    v_batch int8;
    v_new record;
    v_dead record;
begin
    loop
        select q.queue_id, s.sub_consumer, s.sub_id, s.sub_next_tick
          into v_queue_id, v_main_id, v_sub_id, v_main_next
          from pgq.queue q
          join pgq.subscription s on s.sub_queue = q.queue_id
          join pgq.consumer c on c.co_id = s.sub_consumer
         where q.queue_name = i_queue_name
           and c.co_name = i_consumer_name
           for update of s;
        if found then
            select s.sub_consumer, s.sub_batch into v_member_id, v_batch
              from pgq.subscription s
              join pgq.consumer c on c.co_id = s.sub_consumer
             where s.sub_queue = v_queue_id
               and s.sub_id = v_sub_id
               and c.co_name = v_member;
            exit when found;
        end if;
        perform pgq_coop.register_subconsumer(i_queue_name, i_consumer_name, i_subconsumer_name);
    end loop;

    if v_main_next is not null then
        raise exception 'main consumer has batch open?';
    end if;

    update pgq.subscription set sub_active = now() where sub_queue = v_queue_id and sub_consumer = v_member_id;
    if v_batch is not null then
        return v_batch;
    end if;

    if i_dead_interval is not null then
        select s.sub_consumer, s.sub_batch, s.sub_last_tick, s.sub_next_tick
          into v_dead
          from pgq.subscription s
         where s.sub_queue = v_queue_id
           and s.sub_id = v_sub_id
           and s.sub_consumer <> v_main_id
           and s.sub_consumer <> v_member_id
           and s.sub_active < now() - i_dead_interval
         order by s.sub_last_tick nulls last, s.sub_active
         limit 1
           for update;
        if found then
            delete from pgq.subscription where sub_queue = v_queue_id and sub_consumer = v_dead.sub_consumer;
            delete from pgq.consumer c
             where c.co_id = v_dead.sub_consumer
               and not exists (select 1 from pgq.subscription o where o.sub_consumer = c.co_id);
            if v_dead.sub_batch is not null then
                update pgq.subscription
                   set sub_batch = v_dead.sub_batch, sub_last_tick = v_dead.sub_last_tick,
                       sub_next_tick = v_dead.sub_next_tick
                 where sub_queue = v_queue_id
                   and sub_consumer = v_member_id;
                return v_dead.sub_batch;
            end if;
        end if;
    end if;

    select b.batch_id, b.cur_tick_id, b.prev_tick_id
      into v_new
      from pgq.next_batch_custom(i_queue_name, i_consumer_name, i_min_lag, i_min_count, i_min_interval) b;
    if v_new.batch_id is null then
        return null;
    end if;

    -- the main consumer goes on, the member has the batch
    update pgq.subscription
       set sub_batch = null, sub_next_tick = null, sub_last_tick = v_new.cur_tick_id, sub_active = now()
     where sub_queue = v_queue_id
       and sub_consumer = v_main_id;
    update pgq.subscription
       set sub_batch = v_new.batch_id, sub_last_tick = v_new.prev_tick_id, sub_next_tick = v_new.cur_tick_id
     where sub_queue = v_queue_id
       and sub_consumer = v_member_id;
    return v_new.batch_id;
end;
$$;
