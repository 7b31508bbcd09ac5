create or replace function pgq.finish_batch(x_batch_id int8)
returns int4
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq.finish_batch(1)
--
--      Closes a batch: its consumer goes on after it.
--
-- Parameters:
--      x_batch_id  - open batch
--
-- Returns:
--      1; 0 and a warning when there is no such batch
--
-- Tables:
--      updates pgq.subscription
-- ----------------------------------------------------------------------
begin
    update pgq.subscription
       set sub_active = now(), sub_last_tick = sub_next_tick, sub_next_tick = null, sub_batch = null
     where sub_batch = x_batch_id;
    if not found then
        raise warning 'finish_batch: batch % not found', x_batch_id;
        return 0;
    end if;
    return 1;
end;
$$;
