create or replace function pgq.register_consumer(x_queue_name text, x_consumer_id text)
returns int4
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq.register_consumer(2)
--
--      Subscribes a consumer to a queue, from the newest tick on. See pgq.register_consumer_at().
-- ----------------------------------------------------------------------
begin
    return pgq.register_consumer_at(x_queue_name, x_consumer_id, null);
end;
$$;
