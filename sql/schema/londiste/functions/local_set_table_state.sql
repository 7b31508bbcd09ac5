-- local_set_table_state(4): stores how far a table is.
--
-- Parameters:
--   i_queue_name        queue
--   i_table_name        global name
--   i_snapshot          null, or snapshot of the copy on its source
--   i_merge_state       null, in-copy, catching-up, wanna-sync:N, do-sync:N or ok
-- Returns: 200, 404 not attached here.
-- Tables: londiste.table_info (update).
create or replace function londiste.local_set_table_state(
    in i_queue_name     text,
    in i_table_name     text,
    in i_snapshot       text,
    in i_merge_state    text,
    out ret_code        int4,
    out ret_note        text)
returns record as $$
declare
    global_name     text := londiste.make_fqname(i_table_name);
begin
    update londiste.table_info t
        set custom_snapshot = i_snapshot,
            merge_state = i_merge_state
        where t.queue_name = i_queue_name
          and t.table_name = global_name
          and t.local;
    if found then
        select 200, 'Table ' || global_name || ' state set to ' || quote_nullable(i_merge_state)
            into ret_code, ret_note;
    else
        select 404, 'No such table: ' || global_name into ret_code, ret_note;
    end if;
end;
$$ language plpgsql;
