-- drop_node(2): takes a node out of the tree; to be run on the node itself and on every other member.
--
-- On the node itself everything that belongs to it goes, its queue included (by force). On a database that is not
-- a node of that queue only the map of members is cleaned. Elsewhere the member and its subscription go.
-- Parameters:
--   i_queue_name        queue
--   i_node_name         node to drop
-- Returns: 200; 405 this node reads from it.
-- Tables: pgq_node.subscriber_info, local_state, node_info, node_location (delete), pgq.* (queue or consumers).
-- Locks: the queue's node_info row.
-- Ancestor: drops an ordinary queue of that name where there is no node.
create or replace function pgq_node.drop_node(
    in i_queue_name     text,
    in i_node_name      text,
    out ret_code        int4,
    out ret_note        text)
returns record as $$
declare
    node        record;
    is_node     boolean;
begin
    select n.node_type, n.node_name, s.provider_node into node
        from pgq_node.node_info n
        left join pgq_node.local_state s
            on (s.queue_name = n.queue_name and s.consumer_name = n.worker_name)
        where n.queue_name = i_queue_name
        for update of n;
    is_node := found;

    if not is_node or node.node_name = i_node_name then
        delete from pgq_node.subscriber_info s where s.queue_name = i_queue_name;
        delete from pgq_node.local_state s where s.queue_name = i_queue_name;
        delete from pgq_node.node_info n where n.queue_name = i_queue_name;

        if is_node and node.node_type in ('root', 'branch') then
            perform 1 from pgq.queue q where q.queue_name = i_queue_name;
            if found then
                perform pgq.drop_queue(i_queue_name, true);
            end if;
        end if;

        delete from pgq_node.node_location l
            where l.queue_name = i_queue_name
              and l.node_name <> i_node_name;
    elsif node.provider_node = i_node_name then
        select 405, 'Cannot drop provider node: ' || i_node_name into ret_code, ret_note;
        return;
    else
        perform pgq_node.unregister_subscriber(i_queue_name, i_node_name);
    end if;

    select f.ret_code, f.ret_note into ret_code, ret_note
        from pgq_node.unregister_location(i_queue_name, i_node_name) f;
    if ret_code < 400 then
        select 200, 'Node dropped: ' || i_node_name into ret_code, ret_note;
    end if;
end;
$$ language plpgsql security definer set search_path = pg_catalog, pg_temp;
