-- register_location(4): makes a member known, or changes what is known of it. A root tells the nodes below.
--
-- Parameters:
--   i_queue_name        queue
--   i_node_name         member
--   i_node_location     connect string for others; null keeps the known one (and adds nothing if there is none)
--   i_dead              member is taken out; null keeps the known flag (false for a new member)
-- Returns: 200 always.
-- Tables: pgq_node.node_location (read, write), pgq_node.node_info (read), queue (event pgq.location-info).
-- Locks: the queue's node_info row, so that a change of node type does not run beside it; not its key, on which all wait
--   who add rows that refer to the node.
-- Ancestor: puts the caller's null into the event; the stored location is sent here.
create or replace function pgq_node.register_location(
    in i_queue_name     text,
    in i_node_name      text,
    in i_node_location  text,
    in i_dead           boolean,
    out ret_code        int4,
    out ret_note        text)
returns record as $$
declare
    my_type     text;
    known       record;
begin
    select n.node_type into my_type
        from pgq_node.node_info n
        where n.queue_name = i_queue_name
        for no key update;

    if i_node_location is not null then
        insert into pgq_node.node_location as l (queue_name, node_name, node_location, dead)
            values (i_queue_name, i_node_name, i_node_location, coalesce(i_dead, false))
            on conflict (queue_name, node_name) do update
            set node_location = excluded.node_location,
                dead = coalesce(i_dead, l.dead);
    else
        update pgq_node.node_location l
            set dead = coalesce(i_dead, l.dead)
            where l.queue_name = i_queue_name
              and l.node_name = i_node_name;
    end if;

    if my_type = 'root' then
        select l.node_location, l.dead into known
            from pgq_node.node_location l
            where l.queue_name = i_queue_name
              and l.node_name = i_node_name;
        perform pgq.insert_event(i_queue_name, 'pgq.location-info', i_node_name,
            i_queue_name, known.node_location, coalesce(known.dead, i_dead, false)::text, null);
    end if;

    select 200, 'Location registered' into ret_code, ret_note;
end;
$$ language plpgsql security definer set search_path = pg_catalog, pg_temp;
