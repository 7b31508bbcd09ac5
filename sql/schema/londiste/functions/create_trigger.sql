-- create_trigger(5): puts a queue's triggers on a table: one for rows, one for truncate.
--
-- Parameters:
--   i_queue_name        queue
--   i_table_name        global name
--   i_trg_args          null, or an array of
--                         tgflags=LETTERS  I U D operations (none of them: all); Q sqltriga, L logutriga (default),
--                                          J jsontriga; B before, A after (default, wins); S same as skip
--                         skip             the trigger also keeps the row change from happening
--                         no_triggers, virtual_table  none is to be made
--                         capture=HOW      statement: generated statement triggers, refused where they are not right;
--                                          row: a generated row trigger where that is possible, else as ancestor;
--                                          ancestor: the row triggers of schema pgq; auto: statement where that is
--                                          right, else row. Default: the setting londiste_rs.capture, else auto
--                         expect_sync, skip_truncate, merge_all, no_merge  not for the trigger, ignored
--                         anything else is handed to the trigger
--   i_dest_table        local table
--   i_node_type         root, branch or leaf; on a leaf the trigger denies changes
-- Returns: 200; 201 none made; 403 an AFTER trigger cannot work beside one that skips; 405 several skip already, or
--   capture by statement was asked for and is not right.
--   trigger_name        name of the row trigger, when there is one
-- Locks: the local table, SHARE ROW EXCLUSIVE; ACCESS EXCLUSIVE when a trigger is replaced.
-- Ancestor: has row triggers only. It returns no name, and makes the trigger anew though nothing changed. It takes the
--   queue's own trigger for a foreign one that skips, so that a skip trigger cannot be replaced. It keeps a truncate
--   trigger that does not deny on a leaf, where add-table --create-full has brought it from the provider.
create or replace function londiste.create_trigger(
    in i_queue_name     text,
    in i_table_name     text,
    in i_trg_args       text[],
    in i_dest_table     text,
    in i_node_type      text,
    out ret_code        int4,
    out ret_note        text,
    out trigger_name    text)
returns record as $$
declare
    global_name     text := londiste.make_fqname(i_table_name);
    dest_name       text := londiste.make_fqname(i_dest_table);
    dest_oid        oid := londiste.find_table_oid(dest_name);
    plain_name      text := '_londiste_' || i_queue_name;
    truncate_name   text := '_londiste_' || i_queue_name || '_truncate';
    arg             text;
    letters         text := '';
    trg_args        text[] := array[i_queue_name];
    no_trigger      boolean := false;
    has_extra1      boolean := false;
    want_skip       boolean := false;
    is_before       boolean;
    operations      text[];
    func            text;
    own_trigger     text;
    skip_triggers   name[];
    same_trigger    boolean;
    capture         text := coalesce(nullif(current_setting('londiste_rs.capture', true), ''), 'auto');
    way             record;
begin
    foreach arg in array coalesce(i_trg_args, '{}') loop
        if arg like 'tgflags=%' then
            letters := letters || upper(substr(arg, 9));
        elsif arg like 'capture=%' then
            capture := substr(arg, 9);
        elsif arg in ('no_triggers', 'virtual_table') then
            no_trigger := true;
        elsif lower(arg) = 'skip' then
            want_skip := true;
        elsif arg in ('expect_sync', 'skip_truncate', 'merge_all', 'no_merge') then
            null;
        else
            has_extra1 := has_extra1 or arg like 'ev_extra1=%';
            trg_args := trg_args || arg;
        end if;
    end loop;
    want_skip := want_skip or letters like '%S%';
    is_before := letters like '%B%' and letters not like '%A%';

    if capture not in ('auto', 'statement', 'row', 'ancestor') then
        select 405, 'Unknown way to capture: ' || capture into ret_code, ret_note;
        return;
    end if;
    if no_trigger then
        select 201, 'Trigger not created' into ret_code, ret_note;
        return;
    end if;
    if i_node_type = 'leaf' and to_regprocedure('pgq.logutriga()') is null then
        select 201, 'Trigger not created' into ret_code, ret_note;
        return;
    end if;

    func := case
        when letters like '%J%' then 'jsontriga'
        when letters like '%L%' then 'logutriga'
        when letters like '%Q%' then 'sqltriga'
        else 'logutriga' end;
    operations := array_remove(array[
        case when letters like '%I%' then 'insert' end,
        case when letters like '%U%' then 'update' end,
        case when letters like '%D%' then 'delete' end], null);
    if operations = '{}' then
        operations := array['insert', 'update', 'delete'];
    end if;

    -- triggers of others that skip rows; ours is about to be replaced
    select array_agg(t.tgname) into skip_triggers
        from pg_catalog.pg_trigger t
        where t.tgrelid = dest_oid
          and not t.tgisinternal
          and (t.tgtype & 1) = 1
          and londiste.is_replica_func(t.tgfoid)
          and t.tgname not in (left(plain_name, 63), left('zzz_' || plain_name, 63))
          and lower(encode(t.tgargs, 'escape')) like E'%\\\\000skip\\\\000%';
    if skip_triggers is not null then
        if not is_before then
            select 403, 'AFTER trigger cannot work with SKIP trigger(s)' into ret_code, ret_note;
            return;
        end if;
        if want_skip then
            if array_length(skip_triggers, 1) > 1 then
                select 405, 'Multiple SKIP triggers' into ret_code, ret_note;
                return;
            end if;
            -- the one that skips has to be the last one
            if skip_triggers[1] not like 'zzz\_%' then
                execute format('alter trigger %I on %s rename to %I', skip_triggers[1],
                    londiste.quote_fqname(dest_name), 'zzz_' || skip_triggers[1]);
            end if;
            want_skip := false;
        end if;
    end if;

    trigger_name := plain_name;
    if global_name <> dest_name and not has_extra1 then
        trg_args := trg_args || ('ev_extra1=' || quote_literal(global_name));
    end if;
    if want_skip then
        trigger_name := 'zzz_' || trigger_name;
        trg_args := trg_args || 'SKIP'::text;
    end if;
    if i_node_type = 'leaf' then
        trg_args := trg_args || 'deny'::text;
    end if;
    -- as the catalogue will store it
    trigger_name := trigger_name::name::text;

    -- on a leaf nothing is captured
    if i_node_type = 'leaf' then
        capture := 'ancestor';
    end if;
    if capture <> 'ancestor' then
        select c.choice, c.reason into way
            from londiste_rs.capture_choice(i_queue_name, dest_oid,
                array(select a from unnest(i_trg_args) a where a not like 'capture=%')) c;
        if way.choice <> 'statement' and capture = 'statement' then
            select 405, 'Table cannot be captured by statement: ' || way.reason into ret_code, ret_note;
            trigger_name := null;
            return;
        end if;
        if capture <> 'row' or way.choice = 'ancestor' then
            capture := way.choice;
        end if;
    end if;

    if capture <> 'ancestor' then
        perform londiste_rs.capture_create(i_queue_name, dest_oid,
            array(select upper(o) from unnest(operations) o), nullif(trg_args[2:], '{}'), capture);
        if exists (select 1 from pg_catalog.pg_trigger t
            where t.tgrelid = dest_oid and not t.tgisinternal and t.tgname = ('zzz_' || plain_name)::name)
        then
            execute format('drop trigger %I on %s', ('zzz_' || plain_name)::name, londiste.quote_fqname(dest_name));
        end if;
    else
        perform londiste_rs.capture_drop(i_queue_name, dest_oid);
    end if;

    same_trigger := false;
    for own_trigger, same_trigger in
        select t.tgname,
               t.tgname = trigger_name
               and p.pronamespace = 'pgq'::regnamespace and p.proname = func
               and t.tgtype = 1 | case when is_before then 2 else 0 end
                    | case when 'insert' = any (operations) then 4 else 0 end
                    | case when 'delete' = any (operations) then 8 else 0 end
                    | case when 'update' = any (operations) then 16 else 0 end
               and t.tgqual is null and t.tgattr = '' and t.tgnargs = array_length(trg_args, 1)
               and encode(t.tgargs, 'escape') = (
                    select string_agg(encode(convert_to(a.arg, getdatabaseencoding()), 'escape') || E'\\000', ''
                            order by a.nr)
                    from unnest(trg_args) with ordinality a (arg, nr))
        from pg_catalog.pg_trigger t, pg_catalog.pg_proc p
        where capture = 'ancestor'
          and t.tgrelid = dest_oid
          and not t.tgisinternal
          and t.tgname in (plain_name::name, ('zzz_' || plain_name)::name)
          and p.oid = t.tgfoid
        order by 2 desc
    loop
        exit when same_trigger;
        execute format('drop trigger %I on %s', own_trigger, londiste.quote_fqname(dest_name));
    end loop;
    if capture = 'ancestor' and not coalesce(same_trigger, false) then
        execute format('create trigger %I %s %s on %s for each row execute procedure pgq.%I(%s)',
            trigger_name,
            case when is_before then 'before' else 'after' end,
            array_to_string(operations, ' or '),
            londiste.quote_fqname(dest_name),
            func,
            (select string_agg(quote_literal(a.arg), ', ' order by a.nr)
                from unnest(trg_args) with ordinality a (arg, nr)));
    end if;

    -- one that came with a copied definition may be of another node type
    trg_args := array[i_queue_name];
    if i_node_type = 'leaf' then
        trg_args := trg_args || 'deny'::text;
    end if;
    select encode(t.tgargs, 'escape') = (
                select string_agg(encode(convert_to(a.arg, getdatabaseencoding()), 'escape') || E'\\000', ''
                        order by a.nr)
                from unnest(trg_args) with ordinality a (arg, nr))
        into same_trigger
        from pg_catalog.pg_trigger t
        where t.tgrelid = dest_oid
          and t.tgname = truncate_name::name;
    if found and not same_trigger then
        execute format('drop trigger %I on %s', truncate_name::name, londiste.quote_fqname(dest_name));
    end if;
    if not found or not same_trigger then
        execute format('create trigger %I after truncate on %s for each statement execute procedure pgq.sqltriga(%s)',
            truncate_name::name,
            londiste.quote_fqname(dest_name),
            (select string_agg(quote_literal(a.arg), ', ' order by a.nr)
                from unnest(trg_args) with ordinality a (arg, nr)));
    end if;

    select 200, 'OK' into ret_code, ret_note;
end;
$$ language plpgsql;
