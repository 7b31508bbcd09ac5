-- local_change_handler(4): gives a table other attributes and makes its triggers anew.
--
-- Parameters:
--   i_queue_name        queue
--   i_table_name        global name
--   i_trg_args          null, or what create_trigger takes
--   i_table_attrs       null, or url-encoded attributes; they replace all old ones
-- Returns: 200; 400 unknown queue, 404 not attached here, 403 and 405 see create_trigger.
-- Tables: londiste.table_info (update).
-- Locks: the local table, ACCESS EXCLUSIVE.
create or replace function londiste.local_change_handler(
    in i_queue_name     text,
    in i_table_name     text,
    in i_trg_args       text[],
    in i_table_attrs    text,
    out ret_code        int4,
    out ret_note        text)
returns record as $$
declare
    my_type         text;
    tbl             record;
    trg             record;
begin
    select n.node_type into my_type
        from pgq_node.node_info n
        where n.queue_name = i_queue_name;
    if not found then
        select 400, 'No such set: ' || i_queue_name into ret_code, ret_note;
        return;
    end if;

    update londiste.table_info t
        set table_attrs = i_table_attrs
        where t.queue_name = i_queue_name
          and t.table_name = londiste.make_fqname(i_table_name)
          and t.local
        returning t.table_name, coalesce(t.dest_table, t.table_name) as dest_table into tbl;
    if not found then
        select 404, 'no such local table: ' || i_table_name into ret_code, ret_note;
        return;
    end if;

    select f.ret_code, f.ret_note into trg
        from londiste.create_trigger(i_queue_name, tbl.table_name, i_trg_args, tbl.dest_table, my_type) f;
    if trg.ret_code >= 400 then
        select trg.ret_code, 'Trigger creation failed for table ' || tbl.table_name
                || case when tbl.dest_table <> tbl.table_name then '(' || tbl.dest_table || ')' else '' end
                || ': ' || trg.ret_note
            into ret_code, ret_note;
        return;
    end if;
    select 200, 'Handler changed for table: ' || tbl.table_name into ret_code, ret_note;
end;
$$ language plpgsql;
