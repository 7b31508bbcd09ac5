-- drop_table_triggers(2): takes a queue's triggers off a table. They are known by their function and first argument.
--
-- Parameters:
--   i_queue_name        queue
--   i_table_name        global name; nothing is done for one that is not in the queue
-- Returns: nothing.
-- Tables: londiste.table_info (read).
-- Locks: the local table, ACCESS EXCLUSIVE, when it has such triggers.
create or replace function londiste.drop_table_triggers(i_queue_name text, i_table_name text)
returns void as $$
declare
    local_name  text;
    trg_name    name;
begin
    select coalesce(t.dest_table, t.table_name) into local_name
        from londiste.table_info t
        where t.queue_name = i_queue_name
          and t.table_name = i_table_name;
    if not found then
        return;
    end if;

    perform londiste_rs.capture_drop(i_queue_name, londiste.find_table_oid(local_name));
    for trg_name in
        select t.tgname
        from pg_catalog.pg_trigger t
        where t.tgrelid = londiste.find_table_oid(local_name)
          and not t.tgisinternal
          and londiste.is_replica_func(t.tgfoid)
          and t.tgnargs > 0
          and split_part(encode(t.tgargs, 'escape'), E'\\000', 1)
                = encode(convert_to(i_queue_name, getdatabaseencoding()), 'escape')
    loop
        execute format('drop trigger %I on %s', trg_name, londiste.quote_fqname(local_name));
    end loop;
end;
$$ language plpgsql strict;
