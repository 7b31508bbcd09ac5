-- set_global_watermark(2): moves the tick that all nodes have passed. A root tells the nodes below.
--
-- Parameters:
--   i_queue_name        queue
--   i_watermark         tick; null on a root: its local watermark
-- Returns: 200 (also on a branch that does not know the tick); 100 on a leaf, where it has no meaning; 404 not a node,
--   500 null on a branch.
-- Errors: on a root, tick not found (from pgq.register_consumer_at).
-- Tables: pgq_node.node_info (read), local_state (a root's worker, update), pgq.subscription (.global_watermark,
--   update), queue (event pgq.global-watermark).
-- Ancestor: misprints the note of 404.
create or replace function pgq_node.set_global_watermark(
    in i_queue_name     text,
    in i_watermark      bigint,
    out ret_code        int4,
    out ret_note        text)
returns record as $$
declare
    node            record;
    new_watermark   bigint := i_watermark;
begin
    select n.node_type, n.worker_name into node
        from pgq_node.node_info n
        where n.queue_name = i_queue_name
        for no key update;
    if not found then
        select 404, 'Queue ' || i_queue_name || ' not found' into ret_code, ret_note;
        return;
    end if;
    if node.node_type = 'leaf' then
        select 100, 'Ignoring global watermark in leaf' into ret_code, ret_note;
        return;
    end if;

    if node.node_type = 'root' then
        if new_watermark is null then
            select f.local_watermark into new_watermark
                from pgq_node.get_node_info(i_queue_name) f;
        end if;
        perform pgq.register_consumer_at(i_queue_name, '.global_watermark', new_watermark);
        perform pgq.insert_event(i_queue_name, 'pgq.global-watermark', new_watermark::text,
            i_queue_name, null, null, null);
        update pgq_node.local_state s
            set last_tick_id = new_watermark
            where s.queue_name = i_queue_name
              and s.consumer_name = node.worker_name;
    else
        if new_watermark is null then
            select 500, 'bad usage: wm=null on branch node' into ret_code, ret_note;
            return;
        end if;
        perform 1 from pgq.queue q, pgq.tick t
            where q.queue_name = i_queue_name
              and t.tick_queue = q.queue_id
              and t.tick_id = new_watermark;
        if not found then
            select 200, 'Skipping global watermark update to ' || new_watermark::text into ret_code, ret_note;
            return;
        end if;
        perform pgq.register_consumer_at(i_queue_name, '.global_watermark', new_watermark);
    end if;

    select 200, 'Global watermark set to ' || new_watermark::text into ret_code, ret_note;
end;
$$ language plpgsql security definer set search_path = pg_catalog, pg_temp;
