-- local_remove_table(2): detaches a table on this node; on a root takes it out of the queue, for all nodes.
--
-- A table in the middle of a copy is emptied and gets back what was taken from it. Sequences that belong to its columns
-- are detached, too.
-- Parameters:
--   i_queue_name        queue
--   i_table_name        global name
-- Returns: 200; 400 not known, or not attached here.
-- Tables: londiste.table_info, seq_info (update, delete on a root), queue (event londiste.remove-table).
-- Locks: the local table, ACCESS EXCLUSIVE.
create or replace function londiste.local_remove_table(
    in i_queue_name     text,
    in i_table_name     text,
    out ret_code        int4,
    out ret_note        text)
returns record as $$
declare
    global_name     text := londiste.make_fqname(i_table_name);
    tbl             record;
    is_root         boolean;
    seq_name        text;
begin
    select t.local, t.dropped_ddl, coalesce(t.dest_table, t.table_name) as dest_table into tbl
        from londiste.table_info t
        where t.queue_name = i_queue_name
          and t.table_name = global_name
        for update;
    if not found then
        select 400, 'Table not found: ' || global_name into ret_code, ret_note;
        return;
    end if;
    is_root := pgq_node.is_root_node(i_queue_name);
    if not tbl.local and not is_root then
        select 400, 'Table not registered locally: ' || global_name into ret_code, ret_note;
        return;
    end if;

    if tbl.local then
        perform londiste.drop_table_triggers(i_queue_name, global_name);

        if tbl.dropped_ddl is not null then
            -- rows that were copied so far may break what is created again
            execute 'truncate only ' || londiste.quote_fqname(tbl.dest_table);
            execute tbl.dropped_ddl;
        end if;

        update londiste.table_info t
            set local = false,
                merge_state = null,
                custom_snapshot = null,
                dropped_ddl = null,
                table_attrs = null,
                dest_table = null
            where t.queue_name = i_queue_name
              and t.table_name = global_name;

        for seq_name in
            select n.nspname || '.' || s.relname
            from pg_catalog.pg_depend d, pg_catalog.pg_class s, pg_catalog.pg_namespace n
            where d.refclassid = 'pg_catalog.pg_class'::regclass
              and d.refobjid = londiste.find_table_oid(tbl.dest_table)
              and d.refobjsubid > 0
              and d.classid = 'pg_catalog.pg_class'::regclass
              and d.deptype in ('a', 'i')
              and s.oid = d.objid
              and s.relkind = 'S'
              and n.oid = s.relnamespace
            order by 1
        loop
            perform londiste.local_remove_seq(i_queue_name, seq_name);
        end loop;
    end if;

    if is_root then
        perform londiste.global_remove_table(i_queue_name, global_name);
        perform londiste.root_notify_change(i_queue_name, 'londiste.remove-table', global_name);
    end if;
    select 200, 'Table removed: ' || global_name into ret_code, ret_note;
end;
$$ language plpgsql strict;
