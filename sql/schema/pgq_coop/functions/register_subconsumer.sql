create or replace function pgq_coop.register_subconsumer(
    i_queue_name text, i_consumer_name text, i_subconsumer_name text)
returns int4
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq_coop.register_subconsumer(3)
--
--      Adds a member to a cooperative consumer, and registers that one where it is new. The member is the subscription
--      <consumer>.<subconsumer>, which shares the sub_id of the main consumer and has no ticks while idle.
--
-- Parameters:
--      i_queue_name        - queue
--      i_consumer_name     - main consumer
--      i_subconsumer_name  - member
--
-- Returns:
--      1 when new, 0 when it was there
--
-- Errors:
--      those of pgq.register_consumer()
--
-- Tables:
--      inserts into pgq.consumer and pgq.subscription
-- ----------------------------------------------------------------------
declare
    v_member text := i_consumer_name || '.' || i_subconsumer_name;
    v_sub_id int4;
begin
    if not exists (
        select 1
          from pgq.queue q
          join pgq.subscription s on s.sub_queue = q.queue_id
          join pgq.consumer c on c.co_id = s.sub_consumer
         where q.queue_name = i_queue_name
           and c.co_name = i_consumer_name)
    then
        perform pgq.register_consumer(i_queue_name, i_consumer_name);
    end if;

    if pgq.register_consumer(i_queue_name, v_member) = 0 then
        return 0;
    end if;

    select s.sub_id into v_sub_id
      from pgq.queue q
      join pgq.subscription s on s.sub_queue = q.queue_id
      join pgq.consumer c on c.co_id = s.sub_consumer
     where q.queue_name = i_queue_name
       and c.co_name = i_consumer_name;
    update pgq.subscription s
       set sub_id = v_sub_id, sub_last_tick = null, sub_next_tick = null
      from pgq.queue q, pgq.consumer c
     where q.queue_name = i_queue_name
       and c.co_name = v_member
       and s.sub_queue = q.queue_id
       and s.sub_consumer = c.co_id;
    return 1;
end;
$$;
