-- set_node_attrs(2): stores the attributes of this node.
--
-- Parameters:
--   i_queue_name        queue
--   i_node_attrs        url-encoded map, or null
-- Returns: 200, 404 not a node.
-- Tables: pgq_node.node_info (update).
create or replace function pgq_node.set_node_attrs(
    in i_queue_name     text,
    in i_node_attrs     text,
    out ret_code        int4,
    out ret_note        text)
returns record as $$
begin
    update pgq_node.node_info n
        set node_attrs = i_node_attrs
        where n.queue_name = i_queue_name;
    if found then
        select 200, 'Node attributes updated' into ret_code, ret_note;
    else
        select 404, 'Node not found' into ret_code, ret_note;
    end if;
end;
$$ language plpgsql security definer set search_path = pg_catalog, pg_temp;
