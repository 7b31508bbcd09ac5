-- get_subscriber_info(1): lists the nodes that read from this one.
--
-- Parameters:
--   i_queue_name        queue
-- Returns: node, its consumer here, and the tick that its subtree has passed.
-- Tables: pgq_node.subscriber_info, pgq.queue, consumer, subscription (read).
create or replace function pgq_node.get_subscriber_info(
    in i_queue_name     text,
    out node_name       text,
    out worker_name     text,
    out node_watermark  bigint)
returns setof record as $$
begin
    return query
        select i.subscriber_node, i.worker_name, s.sub_last_tick
        from pgq_node.subscriber_info i
        left join pgq.queue q on (q.queue_name = i.queue_name)
        left join pgq.consumer c on (c.co_name = i.watermark_name)
        left join pgq.subscription s on (s.sub_queue = q.queue_id and s.sub_consumer = c.co_id)
        where i.queue_name = i_queue_name
        order by 1;
end;
$$ language plpgsql security definer set search_path = pg_catalog, pg_temp;
