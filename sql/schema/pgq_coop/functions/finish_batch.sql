create or replace function pgq_coop.finish_batch(i_batch_id int8)
returns int4
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq_coop.finish_batch(1)
--
--      Closes the batch of a member.
--
-- Parameters:
--      i_batch_id  - open batch
--
-- Returns:
--      1; 0 and a warning when there is no such batch
--
-- Tables:
--      updates pgq.subscription
-- ----------------------------------------------------------------------
begin
    update pgq.subscription
       set sub_active = now(), sub_last_tick = null, sub_next_tick = null, sub_batch = null
     where sub_batch = i_batch_id;
    if not found then
        raise warning 'coop_finish_batch: batch % not found', i_batch_id;
        return 0;
    end if;
    return 1;
end;
$$;
