create or replace function pgq_coop.unregister_subconsumer(
    i_queue_name text, i_consumer_name text, i_subconsumer_name text, i_batch_handling int4)
returns int4
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq_coop.unregister_subconsumer(4)
--
--      Removes a member from a cooperative consumer.
--
-- Parameters:
--      i_queue_name        - queue
--      i_consumer_name     - main consumer
--      i_subconsumer_name  - member
--      i_batch_handling    - what to do with its open batch: 1 drops it (its events are lost for the group),
--                            anything else refuses
--
-- Returns:
--      1; 0 when there is no such member
--
-- Errors:
--      subconsumer has active batch
--
-- Tables:
--      deletes from pgq.subscription and, where no subscription is left, pgq.consumer
--
-- Locks:
--      the member's row, for update
-- ----------------------------------------------------------------------
declare
    v_member text := i_consumer_name || '.' || i_subconsumer_name;
    v_queue_id int4;
    v_co_id int4;
    v_batch int8;
begin
    select s.sub_queue, s.sub_consumer, s.sub_batch
      into v_queue_id, v_co_id, v_batch
      from pgq.queue q
      join pgq.subscription s on s.sub_queue = q.queue_id
      join pgq.consumer c on c.co_id = s.sub_consumer
     where q.queue_name = i_queue_name
       and c.co_name = v_member
       for update of s;
    if not found then
        return 0;
    end if;
    if v_batch is not null and i_batch_handling is distinct from 1 then
        raise exception 'subconsumer has active batch';
    end if;

    delete from pgq.subscription where sub_queue = v_queue_id and sub_consumer = v_co_id;
    delete from pgq.consumer c
     where c.co_id = v_co_id
       and not exists (select 1 from pgq.subscription o where o.sub_consumer = c.co_id);
    return 1;
end;
$$;
