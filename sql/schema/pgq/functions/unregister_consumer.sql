create or replace function pgq.unregister_consumer(x_queue_name text, x_consumer_name text)
returns int4
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq.unregister_consumer(2)
--
--      Ends the subscription of a consumer. Of a cooperative consumer: a member goes alone, the main consumer
--      takes all members with it.
--
-- Parameters:
--      x_queue_name    - queue
--      x_consumer_name - consumer
--
-- Returns:
--      number of subscriptions that were removed; 0 when it was not subscribed
--
-- Tables:
--      deletes from pgq.subscription, pgq.retry_queue and, where no subscription is left, pgq.consumer
--
-- Locks:
--      rows of the subscription and its members, for update
--
-- Ancestor: leaves the names of the members behind when the main consumer goes.
-- ----------------------------------------------------------------------
declare
    s record;
    v_members int4;
    v_removed int4;
    v_consumers int4[];
begin
    select sub.sub_id, sub.sub_queue, sub.sub_consumer, sub.sub_last_tick, sub.sub_next_tick
      into s
      from pgq.queue q
      join pgq.subscription sub on sub.sub_queue = q.queue_id
      join pgq.consumer c on c.co_id = sub.sub_consumer
     where q.queue_name = x_queue_name
       and c.co_name = x_consumer_name
       for update of sub, c;
    if not found then
        return 0;
    end if;

    perform 1 from pgq.subscription where sub_id = s.sub_id for update;
    select count(*) into v_members from pgq.subscription where sub_id = s.sub_id;

    if v_members > 1 and (s.sub_last_tick is null) = (s.sub_next_tick is null) then
        delete from pgq.subscription where sub_queue = s.sub_queue and sub_consumer = s.sub_consumer;
        v_removed := 1;
        v_consumers := array[s.sub_consumer];
    else
        delete from pgq.retry_queue where ev_owner = s.sub_id;
        with gone as (delete from pgq.subscription where sub_id = s.sub_id returning sub_consumer)
        select count(*), array_agg(sub_consumer) into v_removed, v_consumers from gone;
    end if;

    delete from pgq.consumer c
     where c.co_id = any (v_consumers)
       and not exists (select 1 from pgq.subscription o where o.sub_consumer = c.co_id);
    return v_removed;
end;
$$;
