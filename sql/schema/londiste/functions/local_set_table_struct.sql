-- local_set_table_struct(3): stores what was taken from a table for its copy, or forgets it.
--
-- Parameters:
--   i_queue_name        queue
--   i_table_name        global name
--   i_dropped_ddl       null, or statements that create it again
-- Returns: 200, 404 not attached here.
-- Tables: londiste.table_info (update; it must be in-copy or catching-up to hold statements).
create or replace function londiste.local_set_table_struct(
    in i_queue_name     text,
    in i_table_name     text,
    in i_dropped_ddl    text,
    out ret_code        int4,
    out ret_note        text)
returns record as $$
begin
    update londiste.table_info t
        set dropped_ddl = i_dropped_ddl
        where t.queue_name = i_queue_name
          and t.table_name = londiste.make_fqname(i_table_name)
          and t.local;
    if found then
        select 200, 'Table struct stored' into ret_code, ret_note;
    else
        select 404, 'no such local table: ' || i_table_name into ret_code, ret_note;
    end if;
end;
$$ language plpgsql;
