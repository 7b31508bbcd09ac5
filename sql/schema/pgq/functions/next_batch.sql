create or replace function pgq.next_batch(i_queue_name text, i_consumer_name text)
returns int8
language plpgsql set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq.next_batch(2)
--
--      Opens the next batch of a consumer. See pgq.next_batch_custom().
--
-- Returns:
--      id of the batch; null when there is none
-- ----------------------------------------------------------------------
declare
    v_batch int8;
begin
    select b.batch_id into v_batch from pgq.next_batch_custom(i_queue_name, i_consumer_name, null, null, null) b;
    return v_batch;
end;
$$;
