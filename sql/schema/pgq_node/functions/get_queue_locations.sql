-- get_queue_locations(1): lists the known members of a queue.
--
-- Parameters:
--   i_queue_name        queue
-- Returns: name, connect string and dead mark of each member; no rows for an unknown queue.
-- Tables: pgq_node.node_location (read).
create or replace function pgq_node.get_queue_locations(
    in i_queue_name     text,
    out node_name       text,
    out node_location   text,
    out dead            boolean)
returns setof record as $$
begin
    return query
        select l.node_name, l.node_location, l.dead
        from pgq_node.node_location l
        where l.queue_name = i_queue_name
        order by 1;
end;
$$ language plpgsql security definer set search_path = pg_catalog, pg_temp;
