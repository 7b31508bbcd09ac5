-- get_consumer_info(1): lists the cascaded consumers that write into this node.
--
-- Parameters:
--   i_queue_name        queue
-- Returns: one row per consumer, the worker included.
-- Tables: pgq_node.local_state (read).
create or replace function pgq_node.get_consumer_info(
    in i_queue_name     text,
    out consumer_name   text,
    out provider_node   text,
    out last_tick_id    bigint,
    out paused          boolean,
    out uptodate        boolean,
    out cur_error       text)
returns setof record as $$
begin
    return query
        select s.consumer_name, s.provider_node, s.last_tick_id, s.paused, s.uptodate, s.cur_error
        from pgq_node.local_state s
        where s.queue_name = i_queue_name
        order by 1;
end;
$$ language plpgsql security definer set search_path = pg_catalog, pg_temp;
