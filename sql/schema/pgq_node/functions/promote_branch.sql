-- promote_branch(1): turns a branch into the root: producers and ticker may use its queue.
--
-- Parameters:
--   i_queue_name        queue
-- Returns: 200; 201 is the root already; 301 not a branch, 404 not a node.
-- Tables: pgq.queue, tick, pgq_node.node_info, local_state (update); tick and event sequence (forward only).
-- Locks: the queue's node_info row.
-- Ancestor: returns 301 for a root. A newest tick that carries an event number below that of an older tick (a branch
--   worker was restarted and met an empty batch) is lifted to it here, or the ticker would start with a leap.
create or replace function pgq_node.promote_branch(
    in i_queue_name     text,
    out ret_code        int4,
    out ret_note        text)
returns record as $$
declare
    node            record;
    queue           record;
    top_tick        bigint;
    top_event       bigint;
begin
    select n.node_type, n.node_name, n.worker_name into node
        from pgq_node.node_info n
        where n.queue_name = i_queue_name
        for update;
    if not found then
        select 404, 'Node not initialized for queue: ' || i_queue_name into ret_code, ret_note;
        return;
    end if;
    if node.node_type = 'root' then
        select 201, 'Node is already root: ' || i_queue_name into ret_code, ret_note;
        return;
    end if;
    if node.node_type <> 'branch' then
        select 301, 'Node not branch' into ret_code, ret_note;
        return;
    end if;

    update pgq.queue q
        set queue_disable_insert = false,
            queue_external_ticker = false
        where q.queue_name = i_queue_name
        returning q.queue_id, q.queue_tick_seq, q.queue_event_seq into queue;

    select max(t.tick_id), max(t.tick_event_seq) into top_tick, top_event
        from pgq.tick t
        where t.tick_queue = queue.queue_id;
    perform pgq.seq_setval(queue.queue_tick_seq, top_tick);
    perform pgq.seq_setval(queue.queue_event_seq, top_event);
    update pgq.tick t
        set tick_event_seq = top_event
        where t.tick_queue = queue.queue_id
          and t.tick_id = top_tick
          and t.tick_event_seq < top_event;

    update pgq_node.node_info n
        set node_type = 'root'
        where n.queue_name = i_queue_name;
    update pgq_node.local_state s
        set provider_node = node.node_name,
            last_tick_id = top_tick,
            uptodate = false
        where s.queue_name = i_queue_name
          and s.consumer_name = node.worker_name;

    select 200, 'Branch node promoted to root' into ret_code, ret_note;
end;
$$ language plpgsql security definer set search_path = pg_catalog, pg_temp;
