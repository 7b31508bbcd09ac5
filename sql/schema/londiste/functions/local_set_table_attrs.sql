-- local_set_table_attrs(3): stores the attributes of a table.
--
-- Parameters:
--   i_queue_name        queue
--   i_table_name        global name
--   i_table_attrs       null, or url-encoded map
-- Returns: 200, 404 not attached here.
-- Tables: londiste.table_info (update).
create or replace function londiste.local_set_table_attrs(
    in i_queue_name     text,
    in i_table_name     text,
    in i_table_attrs    text,
    out ret_code        int4,
    out ret_note        text)
returns record as $$
begin
    update londiste.table_info t
        set table_attrs = i_table_attrs
        where t.queue_name = i_queue_name
          and t.table_name = londiste.make_fqname(i_table_name)
          and t.local;
    if found then
        select 200, i_table_name || ': Table attributes stored' into ret_code, ret_note;
    else
        select 404, 'no such local table: ' || i_table_name into ret_code, ret_note;
    end if;
end;
$$ language plpgsql;
