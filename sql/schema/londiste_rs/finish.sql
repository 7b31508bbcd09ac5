-- ----------------------------------------------------------------------
-- Schema londiste_rs: roles and grants. Run after all functions are there.
-- May be run again; changes nothing then.
-- ----------------------------------------------------------------------

do $grants$
declare
    -- what makes, runs and refreshes captures; the functions of each table are nobody's but their triggers'
    v_writer text[] := array[
        '_capture_args', '_capture_base_type', '_capture_check', '_capture_code', '_capture_count',
        '_capture_current', '_capture_data', '_capture_extra1', '_capture_find_queue', '_capture_has_queue',
        '_capture_insert', '_capture_mark', '_capture_ops', '_capture_ordinary', '_capture_queue', '_capture_row', '_capture_row_code', '_capture_signature',
        '_capture_sql', '_capture_target', '_capture_unchanged', '_capture_value', '_encode', 'capture_begin', 'capture_choice',
        'capture_create', 'capture_drop', 'capture_guard', 'capture_refresh', 'capture_state'];
    -- londiste.is_replica_func() and public.logtriga() call them with their caller's rights
    v_public text[] := array['is_capture', '_change_sql'];
    v_has_writer bool;
    v_role text;
    f record;
begin
    foreach v_role in array array['pgq_reader', 'pgq_writer', 'pgq_admin'] loop
        begin
            if not exists (select 1 from pg_catalog.pg_roles where rolname = v_role) then
                execute format('create role %I nologin', v_role);
            end if;
        exception
            when insufficient_privilege then
                raise notice 'role % cannot be created by this user, skipping', v_role;
            when duplicate_object or unique_violation then
                raise notice 'role % is being created by somebody else', v_role;
        end;
    end loop;

    grant select on londiste_rs.queue_limit, londiste_rs.detached_consumer, londiste_rs.worker to public;
    if exists (select 1 from pg_catalog.pg_roles where rolname = 'pgq_admin') then
        grant insert, update, delete on londiste_rs.queue_limit to pgq_admin;
        grant delete on londiste_rs.detached_consumer to pgq_admin;
        grant select, delete on londiste_rs.dead_event to pgq_admin;
        grant select, insert, update, delete on londiste_rs.plan to pgq_admin;
        grant insert, update, delete on londiste_rs.worker to pgq_admin;
        grant execute on function
            londiste_rs.check_limits(),
            londiste_rs.detach_consumer(text, text, text, int8),
            londiste_rs.attach_consumer(text, text, bool),
            londiste_rs.revive_event(text, text, int8),
            londiste_rs.check_txids(text),
            londiste_rs.repair_txids(text),
            londiste_rs.cut_queue(text, int8),
            londiste_rs.bury_event(int8, int8, text),
            londiste_rs.insert_events(text, int8[], text[], text[], text[], text[], text[], text[], text[])
            to pgq_admin;
    end if;
    if exists (select 1 from pg_catalog.pg_roles where rolname = 'pgq_reader') then
        grant execute on function londiste_rs.bury_event(int8, int8, text), londiste_rs.check_txids(text) to pgq_reader;
    end if;
    if exists (select 1 from pg_catalog.pg_roles where rolname = 'pgq_writer') then
        -- who writes marks of done work (schema pgq_ext) also writes what is to be tried again
        grant select, insert, delete on londiste_rs.retry_mark to pgq_writer;
    end if;

    v_has_writer := exists (select 1 from pg_catalog.pg_roles where rolname = 'pgq_writer');
    for f in
        select p.oid::pg_catalog.regprocedure::text as sig, p.proname::text as name
          from pg_catalog.pg_proc p
          join pg_catalog.pg_namespace n on n.oid = p.pronamespace
         where n.nspname = 'londiste_rs'
           and p.proname <> all (v_public)
           and pg_catalog.pg_has_role(p.proowner, 'usage')
         order by 1
    loop
        execute 'revoke execute on function ' || f.sig || ' from public';
        if f.name = any (v_writer) and v_has_writer then
            execute 'grant execute on function ' || f.sig || ' to pgq_writer';
        end if;
    end loop;
end;
$grants$;
