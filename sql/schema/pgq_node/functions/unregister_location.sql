-- unregister_location(2): forgets a member. A root tells the nodes below.
--
-- Parameters:
--   i_queue_name        queue
--   i_node_name         member
-- Returns: 200, 301 not known (a root still tells the others), 403 the node itself or its provider.
-- Tables: pgq_node.node_location (delete), node_info, local_state (read), subscriber_info with its two consumers
--   (delete, when the member reads from here), queue (event pgq.unregister-location).
-- Locks: the queue's node_info row.
create or replace function pgq_node.unregister_location(
    in i_queue_name     text,
    in i_node_name      text,
    out ret_code        int4,
    out ret_note        text)
returns record as $$
declare
    node        record;
begin
    select n.node_name, n.node_type, s.provider_node into node
        from pgq_node.node_info n
        left join pgq_node.local_state s
            on (s.queue_name = n.queue_name and s.consumer_name = n.worker_name)
        where n.queue_name = i_queue_name
        for no key update of n;
    if found then
        if node.node_name = i_node_name then
            select 403, 'Cannot drop node''s own location' into ret_code, ret_note;
            return;
        end if;
        if node.provider_node = i_node_name then
            select 403, 'Cannot drop location of node''s parent' into ret_code, ret_note;
            return;
        end if;
    end if;

    perform 1 from pgq_node.subscriber_info s
        where s.queue_name = i_queue_name
          and s.subscriber_node = i_node_name;
    if found then
        perform pgq_node.unregister_subscriber(i_queue_name, i_node_name);
    end if;

    delete from pgq_node.node_location l
        where l.queue_name = i_queue_name
          and l.node_name = i_node_name;
    if found then
        select 200, 'Ok' into ret_code, ret_note;
    else
        select 301, 'Location not found: ' || i_queue_name || '/' || i_node_name into ret_code, ret_note;
    end if;

    if node.node_type = 'root' then
        perform pgq.insert_event(i_queue_name, 'pgq.unregister-location', i_node_name,
            i_queue_name, null, null, null);
    end if;
end;
$$ language plpgsql security definer set search_path = pg_catalog, pg_temp;
