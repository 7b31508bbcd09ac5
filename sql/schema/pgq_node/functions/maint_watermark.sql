-- maint_watermark(1): called by the ticker's maintenance: publishes the global watermark of a root whose worker does not.
--
-- Parameters:
--   i_queue_name        queue
-- Returns: 0.
-- Tables: pgq_node.node_info, pgq.subscription, tick (read, with the caller's rights); then set_global_watermark.
create or replace function pgq_node.maint_watermark(i_queue_name text)
returns int4 as $$
begin
    perform 1
        from pgq_node.node_info n, pgq.get_consumer_info(i_queue_name, '.global_watermark') c
        where n.queue_name = i_queue_name
          and n.node_type = 'root'
          and c.lag >= '5 minutes'::interval;
    if found then
        perform pgq_node.set_global_watermark(i_queue_name, null);
    end if;
    return 0;
end;
$$ language plpgsql;
