-- create_node(7): makes this database a member of a queue. Locations of node and provider must be known already.
--
-- Parameters:
--   i_queue_name        queue
--   i_node_type         root, branch or leaf
--   i_node_name         name of this node
--   i_worker_name       consumer that keeps it alive
--   i_provider_name     node to read from; null for a root
--   i_global_watermark  tick to start at, from register_subscriber on the provider; null for a root
--   i_combined_queue    leaf only: queue of this database that it feeds, or null
-- Returns: 200; 401 already a node, bad arguments, unknown combined queue or bad type.
-- Tables: pgq_node.node_info, local_state (insert), pgq.queue, tick, subscription (root and branch: queue is made).
-- Ancestor: goes on after a bad type and then fails at a constraint.
create or replace function pgq_node.create_node(
    in i_queue_name         text,
    in i_node_type          text,
    in i_node_name          text,
    in i_worker_name        text,
    in i_provider_name      text,
    in i_global_watermark   bigint,
    in i_combined_queue     text,
    out ret_code            int4,
    out ret_note            text)
returns record as $$
declare
    start_tick      bigint;
    start_provider  text;
begin
    perform 1 from pgq_node.node_info n where n.queue_name = i_queue_name;
    if found then
        select 401, 'Node already initialized' into ret_code, ret_note;
        return;
    end if;

    if i_node_type = 'root' then
        if coalesce(i_provider_name, i_global_watermark::text, i_combined_queue) is not null then
            select 401, 'unexpected args for root' into ret_code, ret_note;
            return;
        end if;

        perform pgq.create_queue(i_queue_name);
        perform pgq.register_consumer(i_queue_name, '.global_watermark');
        start_provider := i_node_name;
        select max(t.tick_id) into start_tick
            from pgq.queue q, pgq.tick t
            where q.queue_name = i_queue_name
              and t.tick_queue = q.queue_id;
    elsif i_node_type = 'branch' then
        if i_provider_name is null then
            select 401, 'provider not set for branch' into ret_code, ret_note;
            return;
        end if;
        if i_global_watermark is null then
            select 401, 'global watermark not set for branch' into ret_code, ret_note;
            return;
        end if;

        perform pgq.create_queue(i_queue_name);
        update pgq.queue q
            set queue_external_ticker = true,
                queue_disable_insert = true
            where q.queue_name = i_queue_name;
        if i_global_watermark > 1 then
            perform pgq.ticker(i_queue_name, i_global_watermark, now(), 1);
        end if;
        perform pgq.register_consumer_at(i_queue_name, '.global_watermark', i_global_watermark);
        start_provider := i_provider_name;
        start_tick := i_global_watermark;
    elsif i_node_type = 'leaf' then
        if i_combined_queue is not null then
            perform 1 from pgq.get_queue_info(i_combined_queue);
            if not found then
                select 401, 'non-existing queue on leaf side: ' || i_combined_queue into ret_code, ret_note;
                return;
            end if;
        end if;
        start_provider := i_provider_name;
        start_tick := i_global_watermark;
    else
        select 401, 'bad node type: ' || coalesce(i_node_type, '<NULL>') into ret_code, ret_note;
        return;
    end if;

    insert into pgq_node.node_info (queue_name, node_type, node_name, worker_name, combined_queue)
        values (i_queue_name, i_node_type, i_node_name, i_worker_name, i_combined_queue);

    insert into pgq_node.local_state (queue_name, consumer_name, provider_node, last_tick_id)
        values (i_queue_name, i_worker_name, start_provider, start_tick);

    select 200, 'Node "' || i_node_name || '" initialized for queue "' || i_queue_name
            || '" with type "' || i_node_type || '"'
        into ret_code, ret_note;
end;
$$ language plpgsql security definer set search_path = pg_catalog, pg_temp;
