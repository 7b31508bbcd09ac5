-- global_add_table(2): makes a table known that travels through the queue; it is not attached here. When this node feeds
-- a combined queue the table enters that queue's list, too.
--
-- Parameters:
--   i_queue_name        queue
--   i_table_name        global name
-- Returns: 200 (also when it was known), 400 unknown queue.
-- Tables: londiste.table_info (insert).
create or replace function londiste.global_add_table(
    in i_queue_name     text,
    in i_table_name     text,
    out ret_code        int4,
    out ret_note        text)
returns record as $$
declare
    global_name     text := londiste.make_fqname(i_table_name);
    combined_name   text;
begin
    select n.combined_queue into combined_name
        from pgq_node.node_info n
        where n.queue_name = i_queue_name;
    if not found then
        select 400, 'No such queue: ' || i_queue_name into ret_code, ret_note;
        return;
    end if;

    perform 1 from londiste.table_info t
        where t.queue_name = i_queue_name
          and t.table_name = global_name;
    if found then
        select 200, 'Table already added: ' || global_name into ret_code, ret_note;
        return;
    end if;

    insert into londiste.table_info (queue_name, table_name)
        values (i_queue_name, global_name)
        on conflict do nothing;
    if combined_name is not null then
        perform londiste.global_add_table(combined_name, global_name);
    end if;
    select 200, 'Table added: ' || global_name into ret_code, ret_note;
end;
$$ language plpgsql strict;
