-- local_add_table: attaches a table of a queue on this node.
--
-- On a root the table enters the queue and is in sync at once. Elsewhere it must be in the queue already and is to be
-- copied. On a leaf other queues of this database that feed the same table (same combined queue, or all without one)
-- are attached with it. When the node feeds a combined queue the table is added there, too.
-- Parameters:
--   i_queue_name        queue
--   i_table_name        global name
--   i_trg_args          null, or what create_trigger takes, and
--                         expect_sync    data is here already, no copy
--                         skip_truncate  the copy must not empty the table first
--                         merge_all      attach all queues that feed this table
--                         no_merge       attach this queue only
--                         virtual_table  there is no such table here
--   i_table_attrs       null, or url-encoded attributes
--   i_dest_table        null, or local name
-- Returns:
--   200 added, or was added with the same attributes
--   301 added, but a trigger of the user fires before the queue's and may change what it has seen
--   400 unknown queue, or no primary key. A key is not needed when the trigger only logs inserts (tgflags with I and
--       neither U nor D), or when pkey= names columns of the table.
--   403 see create_trigger
--   404 no such table here, or not in the queue
--   405 contradicting arguments; other queues feed the table and neither merge_all nor no_merge says what to do;
--       see create_trigger
--   410 was added with other attributes
-- Tables: londiste.table_info (insert, update), queue (event londiste.add-table on a root).
-- Locks: the local table, SHARE ROW EXCLUSIVE (for its triggers).
-- Ancestor: always wants a primary key, and never returns 301.
create or replace function londiste.local_add_table(
    in i_queue_name     text,
    in i_table_name     text,
    in i_trg_args       text[],
    in i_table_attrs    text,
    in i_dest_table     text,
    out ret_code        int4,
    out ret_note        text)
returns record as $$
declare
    global_name     text := londiste.make_fqname(i_table_name);
    dest_name       text := londiste.make_fqname(coalesce(i_dest_table, i_table_name));
    table_desc      text;
    args            text[] := coalesce(i_trg_args, '{}');
    attrs           text := i_table_attrs;
    expect_sync     boolean := args && array['expect_sync', 'virtual_table'];
    merge_all       boolean := 'merge_all' = any (args);
    no_merge        boolean := 'no_merge' = any (args);
    virtual_table   boolean := 'virtual_table' = any (args);
    dest_oid        oid;
    node            record;
    known           record;
    sibling         record;
    merge_queues    text[] := '{}';
    new_state       text;
    trg             record;
    early_triggers  text;
begin
    table_desc := global_name || case when dest_name <> global_name then '(' || dest_name || ')' else '' end;
    if 'skip_truncate' = any (args) then
        attrs := coalesce(nullif(attrs, '') || '&', '') || 'skip_truncate=1';
    end if;

    if merge_all and no_merge then
        select 405, 'Cannot use merge-all and no-merge together' into ret_code, ret_note;
        return;
    end if;

    select n.node_type, n.combined_queue, c.node_type as combined_type into node
        from pgq_node.node_info n
        left join pgq_node.node_info c on (c.queue_name = n.combined_queue)
        where n.queue_name = i_queue_name;

    if not virtual_table then
        dest_oid := londiste.find_table_oid(dest_name);
        if dest_oid is null then
            if londiste.find_rel_oid(dest_name, 'p') is null then
                select 404, 'Table does not exist: ' || table_desc into ret_code, ret_note;
            else
                select 404, 'Table is partitioned, add its partitions instead: ' || table_desc into ret_code, ret_note;
            end if;
            return;
        end if;

        if not (
            exists (select 1 from pg_catalog.pg_index i where i.indrelid = dest_oid and i.indisprimary)
            -- only inserts are logged
            or (select coalesce(string_agg(upper(substr(a.arg, 9)), ''), '') ~ '^[^UD]*I[^UD]*$'
                from unnest(args) a (arg) where a.arg like 'tgflags=%')
            -- the key is named
            or (select count(*) > 0 and bool_and(k.col is not null and a.attname is not null)
                from unnest(args) p (arg)
                cross join lateral unnest(string_to_array(substr(p.arg, 6), ',')) k (col)
                left join pg_catalog.pg_attribute a
                    on (a.attrelid = dest_oid and a.attname = k.col and a.attnum > 0 and not a.attisdropped)
                where p.arg like 'pkey=%')
            -- it was taken away for the copy of another queue
            or exists (select 1 from londiste.table_info t, pgq_node.node_info n
                where t.queue_name <> i_queue_name
                  and coalesce(t.dest_table, t.table_name) = dest_name
                  and t.dropped_ddl is not null
                  and n.queue_name = t.queue_name
                  and n.combined_queue is not distinct from node.combined_queue)
        ) then
            select 400, 'Primary key missing on table: ' || table_desc into ret_code, ret_note;
            return;
        end if;
    end if;

    if node.node_type is null then
        select 400, 'No such set: ' || i_queue_name into ret_code, ret_note;
        return;
    end if;

    select t.local, t.table_attrs into known
        from londiste.table_info t
        where t.queue_name = i_queue_name
          and t.table_name = global_name
        for update;
    if not found then
        if node.node_type <> 'root' then
            select 404, 'Table not available on queue: ' || table_desc into ret_code, ret_note;
            return;
        end if;
        select f.ret_code, f.ret_note into ret_code, ret_note
            from londiste.global_add_table(i_queue_name, global_name) f;
        if ret_code <> 200 then
            return;
        end if;
    elsif known.local then
        if coalesce(known.table_attrs, '') = coalesce(attrs, '') then
            select 200, 'Table already added: ' || table_desc into ret_code, ret_note;
        else
            select 410, 'Table ' || table_desc || ' already added, but with different args: '
                    || coalesce(known.table_attrs, '')
                into ret_code, ret_note;
        end if;
        return;
    end if;

    if expect_sync or node.node_type = 'root' or node.node_type = 'leaf' and node.combined_type = 'branch' then
        new_state := 'ok';
    end if;

    if node.node_type = 'leaf' and not no_merge then
        for sibling in
            select t.queue_name, t.table_name, t.local
            from londiste.table_info t, pgq_node.node_info n
            where t.queue_name <> i_queue_name
              and coalesce(t.dest_table, t.table_name) = dest_name
              and n.queue_name = t.queue_name
              and n.combined_queue is not distinct from node.combined_queue
            order by t.local desc, t.queue_name
            for update of t
        loop
            if new_state is null then
                if sibling.local then
                    select 405, 'Found local table ' || table_desc || ' in queue ' || sibling.queue_name
                            || ', use remove-table first to remove all previous table subscriptions'
                        into ret_code, ret_note;
                    return;
                end if;
                if not merge_all then
                    select 405, 'Found multiple sources for table ' || table_desc
                            || ', use merge-all or no-merge to continue'
                        into ret_code, ret_note;
                    return;
                end if;
            end if;
            merge_queues := merge_queues || sibling.queue_name;
        end loop;
    end if;

    update londiste.table_info t
        set local = true,
            merge_state = new_state,
            table_attrs = attrs,
            dest_table = nullif(dest_name, global_name)
        where t.queue_name = i_queue_name
          and t.table_name = global_name;
    update londiste.table_info t
        set local = true,
            merge_state = new_state,
            table_attrs = attrs
        where t.queue_name = any (merge_queues)
          and coalesce(t.dest_table, t.table_name) = dest_name;

    if node.combined_type in ('root', 'branch') and not no_merge then
        select f.ret_code, f.ret_note into ret_code, ret_note
            from londiste.local_add_table(node.combined_queue, global_name, i_trg_args, i_table_attrs,
                i_dest_table) f;
        if ret_code >= 400 then
            return;
        end if;
    end if;

    if node.node_type = 'root' then
        perform londiste.root_notify_change(i_queue_name, 'londiste.add-table', global_name);
    end if;

    select f.ret_code, f.ret_note, f.trigger_name into trg
        from londiste.create_trigger(i_queue_name, global_name, i_trg_args, dest_name, node.node_type) f;
    if trg.ret_code >= 400 then
        select trg.ret_code, 'Trigger creation failed for table ' || table_desc || ': ' || trg.ret_note
            into ret_code, ret_note;
        return;
    end if;
    if trg.ret_code = 201 then
        select 200, 'Table added with no triggers: ' || table_desc into ret_code, ret_note;
        return;
    end if;

    select string_agg(quote_ident(t.tgname), ', ' order by t.tgname) into early_triggers
        from pg_catalog.pg_trigger t
        where t.tgrelid = dest_oid
          and not t.tgisinternal
          and (t.tgtype & 3) = 1
          and not londiste.is_replica_func(t.tgfoid)
          and t.tgname < trg.trigger_name::name
          and t.tgname not like '%\_logger'
          and t.tgname not like '\_londiste\_%';
    if early_triggers is not null then
        select 301, 'Table added: ' || table_desc || ', but trigger(s) ' || early_triggers || ' fire before '
                || quote_ident(trg.trigger_name)
            into ret_code, ret_note;
        return;
    end if;

    select 200, 'Table added: ' || table_desc into ret_code, ret_note;
end;
$$ language plpgsql;

create or replace function londiste.local_add_table(
    in i_queue_name     text,
    in i_table_name     text,
    in i_trg_args       text[],
    in i_table_attrs    text,
    out ret_code        int4,
    out ret_note        text)
returns record as $$
begin
    select f.ret_code, f.ret_note into ret_code, ret_note
        from londiste.local_add_table(i_queue_name, i_table_name, i_trg_args, i_table_attrs, null) f;
end;
$$ language plpgsql;

create or replace function londiste.local_add_table(
    in i_queue_name     text,
    in i_table_name     text,
    in i_trg_args       text[],
    out ret_code        int4,
    out ret_note        text)
returns record as $$
begin
    select f.ret_code, f.ret_note into ret_code, ret_note
        from londiste.local_add_table(i_queue_name, i_table_name, i_trg_args, null, null) f;
end;
$$ language plpgsql;

create or replace function londiste.local_add_table(
    in i_queue_name     text,
    in i_table_name     text,
    out ret_code        int4,
    out ret_note        text)
returns record as $$
begin
    select f.ret_code, f.ret_note into ret_code, ret_note
        from londiste.local_add_table(i_queue_name, i_table_name, null, null, null) f;
end;
$$ language plpgsql strict;
