-- is_root_node(1): true when this database is the root of the queue.
--
-- Parameters:
--   i_queue_name        queue
-- Returns: true or false; error when this database is not a node of the queue.
-- Tables: pgq_node.node_info (read, with the caller's rights).
create or replace function pgq_node.is_root_node(i_queue_name text)
returns boolean as $$
declare
    my_type     text;
begin
    select n.node_type into my_type
        from pgq_node.node_info n
        where n.queue_name = i_queue_name;
    if not found then
        raise exception 'queue does not exist: %', i_queue_name;
    end if;
    return my_type = 'root';
end;
$$ language plpgsql;
