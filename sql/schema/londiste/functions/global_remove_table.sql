-- global_remove_table(2): forgets a table of the queue on this node; what is attached is detached.
--
-- Parameters:
--   i_queue_name        queue
--   i_table_name        global name
-- Returns: 200, 400 not known; error when this is not a node of the queue.
-- Tables: londiste.table_info (delete; its trigger takes the queue's triggers off the table).
create or replace function londiste.global_remove_table(
    in i_queue_name     text,
    in i_table_name     text,
    out ret_code        int4,
    out ret_note        text)
returns record as $$
declare
    global_name     text := londiste.make_fqname(i_table_name);
begin
    if not pgq_node.is_root_node(i_queue_name) then
        perform londiste.local_remove_table(i_queue_name, global_name);
    end if;

    delete from londiste.table_info t
        where t.queue_name = i_queue_name
          and t.table_name = global_name;
    if found then
        select 200, 'Table removed: ' || global_name into ret_code, ret_note;
    else
        select 400, 'Table not found: ' || global_name into ret_code, ret_note;
    end if;
end;
$$ language plpgsql strict;
