-- register_subscriber(4): lets another node read from this one. May be repeated.
--
-- Parameters:
--   i_queue_name            queue
--   i_remote_node_name      the other node; its location must be known here
--   i_remote_worker_name    consumer it will read with
--   i_custom_tick_id        its position; null: the global watermark, or when the node is subscribed already the
--                           position that it has
-- Returns: 200; 201 the node is subscribed with that worker already (set to the position if one is given);
--   401 this is a leaf, 404 not a node, 406 the node is subscribed with another worker.
--   global_watermark        where the new node has to start
-- Errors: tick not found (from pgq.register_consumer_at).
-- Tables: pgq_node.subscriber_info, pgq.consumer, subscription (worker and .<node>.watermark; insert, update).
-- Ancestor: a second call for the same node is a key error.
create or replace function pgq_node.register_subscriber(
    in i_queue_name         text,
    in i_remote_node_name   text,
    in i_remote_worker_name text,
    in i_custom_tick_id     bigint,
    out ret_code            int4,
    out ret_note            text,
    out global_watermark    bigint)
returns record as $$
declare
    my_type         text;
    known_worker    text;
    worker_tick     bigint;
    watermark_name  text := '.' || i_remote_node_name || '.watermark';
begin
    select n.node_type into my_type
        from pgq_node.node_info n
        where n.queue_name = i_queue_name
        for update;
    if not found then
        select 404, 'Unknown queue: ' || i_queue_name into ret_code, ret_note;
        return;
    end if;
    if my_type = 'leaf' then
        select 401, 'Cannot subscribe to leaf node' into ret_code, ret_note;
        return;
    end if;

    select i.worker_name into known_worker
        from pgq_node.subscriber_info i
        where i.queue_name = i_queue_name
          and i.subscriber_node = i_remote_node_name;
    if known_worker <> i_remote_worker_name then
        select 406, 'Node ' || i_remote_node_name || ' is already subscribed with worker ' || known_worker
            into ret_code, ret_note;
        return;
    end if;

    select c.last_tick into global_watermark
        from pgq.get_consumer_info(i_queue_name, '.global_watermark') c;
    worker_tick := coalesce(i_custom_tick_id, global_watermark);
    if known_worker is not null and i_custom_tick_id is null then
        -- an unused position stays with the watermark it was made for, so that a new node starts exactly there
        select c.last_tick into worker_tick
            from pgq.get_consumer_info(i_queue_name, i_remote_worker_name) c;
        worker_tick := coalesce(worker_tick, global_watermark);
        global_watermark := least(global_watermark, worker_tick);
    end if;

    perform pgq.register_consumer_at(i_queue_name, watermark_name, global_watermark);
    if known_worker is null or i_custom_tick_id is not null then
        perform pgq.register_consumer_at(i_queue_name, i_remote_worker_name, worker_tick);
    end if;

    if known_worker is null then
        insert into pgq_node.subscriber_info (queue_name, subscriber_node, worker_name, watermark_name)
            values (i_queue_name, i_remote_node_name, i_remote_worker_name, watermark_name);
        select 200, 'Subscriber registered: ' || i_remote_node_name into ret_code, ret_note;
    else
        select 201, 'Subscriber already registered: ' || i_remote_node_name into ret_code, ret_note;
    end if;
end;
$$ language plpgsql security definer set search_path = pg_catalog, pg_temp;
