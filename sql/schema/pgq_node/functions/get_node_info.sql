-- get_node_info(1): tells what this node is and where it stands.
--
-- Parameters:
--   i_queue_name        queue
-- Returns: 100, or 404 not a node (other columns null).
--   global_watermark    tick that all nodes have passed; null on a leaf
--   local_watermark     lowest tick that the node and all below it still need
--   worker_last_tick    position of the worker; on a root the queue's newest tick
--   target_for          queues that are merged into this one, null if none
-- Tables: pgq_node.node_info, local_state, node_location, pgq.queue, tick, subscription, consumer (read).
create or replace function pgq_node.get_node_info(
    in i_queue_name         text,
    out ret_code            int4,
    out ret_note            text,
    out node_type           text,
    out node_name           text,
    out global_watermark    bigint,
    out local_watermark     bigint,
    out provider_node       text,
    out provider_location   text,
    out combined_queue      text,
    out combined_type       text,
    out worker_name         text,
    out worker_paused       boolean,
    out worker_uptodate     boolean,
    out worker_last_tick    bigint,
    out node_attrs          text,
    out target_for          text[])
returns record as $$
declare
    queue_top   bigint;
begin
    select 100, 'Ok', n.node_type, n.node_name, s.provider_node, l.node_location,
            n.combined_queue, c.node_type, n.worker_name, s.paused, s.uptodate, s.last_tick_id, n.node_attrs
        into ret_code, ret_note, node_type, node_name, provider_node, provider_location,
            combined_queue, combined_type, worker_name, worker_paused, worker_uptodate, worker_last_tick, node_attrs
        from pgq_node.node_info n
        left join pgq_node.node_info c on (c.queue_name = n.combined_queue)
        left join pgq_node.local_state s
            on (s.queue_name = n.queue_name and s.consumer_name = n.worker_name)
        left join pgq_node.node_location l
            on (l.queue_name = s.queue_name and l.node_name = s.provider_node)
        where n.queue_name = i_queue_name;
    if not found then
        select 404, 'Unknown queue: ' || i_queue_name into ret_code, ret_note;
        return;
    end if;

    if node_type = 'leaf' then
        local_watermark := worker_last_tick;
    else
        select max(t.tick_id) into queue_top
            from pgq.queue q, pgq.tick t
            where q.queue_name = i_queue_name
              and t.tick_queue = q.queue_id;
        select min(s.sub_last_tick) filter (where c.co_name = '.global_watermark'),
               min(s.sub_last_tick) filter (where c.co_name <> '.global_watermark')
            into global_watermark, local_watermark
            from pgq.queue q, pgq.subscription s, pgq.consumer c
            where q.queue_name = i_queue_name
              and s.sub_queue = q.queue_id
              and c.co_id = s.sub_consumer;
        local_watermark := coalesce(local_watermark, queue_top);
        if node_type = 'root' then
            worker_last_tick := queue_top;
        end if;
    end if;

    select array_agg(n.queue_name order by n.queue_name) into target_for
        from pgq_node.node_info n
        where n.combined_queue = i_queue_name;
end;
$$ language plpgsql security definer set search_path = pg_catalog, pg_temp;
