-- ----------------------------------------------------------------------
-- Schema pgq: upgrade of tables, grants, version mark. Run after all functions are there.
-- May be run again; changes nothing then.
-- ----------------------------------------------------------------------

select pgq.upgrade_schema();

do $grants$
declare
    v_reader text[] := array[
        'batch_event_sql', 'batch_event_tables', 'find_tick_helper', 'register_consumer', 'register_consumer_at',
        'unregister_consumer', 'next_batch', 'next_batch_info', 'next_batch_custom', 'get_batch_events',
        'get_batch_info', 'get_batch_cursor', 'event_retry', 'batch_retry', 'force_tick', 'finish_batch'];
    v_writer text[] := array['insert_event', 'current_event_table', 'jsontriga', 'sqltriga', 'logutriga'];
    v_admin text[] := array[
        'ticker', 'maint_retry_events', 'maint_rotate_tables_step1', 'maint_rotate_tables_step2',
        'maint_tables_to_vacuum', 'maint_operations', 'upgrade_schema', 'grant_perms', '_grant_perms_from',
        'tune_storage', 'seq_setval', 'create_queue', 'drop_queue', 'set_queue_config', 'insert_event_raw',
        'event_retry_raw',
        -- what those call with their caller's rights
        '_foreign_txids'];
    -- what everybody may call, and what those functions call with their caller's rights
    v_public text[] := array[
        'seq_getval', 'get_queue_info', 'get_consumer_info', 'quote_fqname', 'version',
        '_event_seq_pos', '_may_replay'];
    v_has_reader bool := exists (select 1 from pg_catalog.pg_roles where rolname = 'pgq_reader');
    v_has_writer bool := exists (select 1 from pg_catalog.pg_roles where rolname = 'pgq_writer');
    v_has_admin bool := exists (select 1 from pg_catalog.pg_roles where rolname = 'pgq_admin');
    f record;
begin
    -- a role of another database's schema is as good, but memberships must be there
    if v_has_reader and v_has_writer and v_has_admin
        and not (pg_has_role('pgq_admin', 'pgq_reader', 'member') and pg_has_role('pgq_admin', 'pgq_writer', 'member'))
    then
        begin
            grant pgq_reader, pgq_writer to pgq_admin;
        exception
            when insufficient_privilege then
                raise notice 'role pgq_admin cannot be made a member of pgq_reader and pgq_writer by this user, skipping';
        end;
    end if;

    grant usage on schema pgq to public;
    grant select on pgq.consumer, pgq.queue, pgq.tick, pgq.subscription to public;
    revoke select on pgq.event_template, pgq.retry_queue from public;
    if v_has_reader then
        grant select on pgq.consumer, pgq.queue, pgq.tick, pgq.subscription, pgq.event_template to pgq_reader;
    end if;
    if v_has_admin then
        grant select, insert, update, delete on pgq.consumer, pgq.queue, pgq.tick, pgq.subscription, pgq.retry_queue
            to pgq_admin;
        grant select, insert, truncate on pgq.event_template to pgq_admin;
        -- rotation runs with the caller's rights
        grant select, insert, update, delete on londiste_rs.rotation_wait to pgq_admin;
    end if;

    for f in
        select p.oid::pg_catalog.regprocedure::text as sig, p.proname::text as name
          from pg_catalog.pg_proc p
          join pg_catalog.pg_namespace n on n.oid = p.pronamespace
         where n.nspname = 'pgq'
           and pg_catalog.pg_has_role(p.proowner, 'usage')
         order by 1
    loop
        if f.name = any (v_public) then
            execute 'grant execute on function ' || f.sig || ' to public';
            continue;
        end if;
        execute 'revoke execute on function ' || f.sig || ' from public';
        if f.name = any (v_reader) and v_has_reader then
            execute 'grant execute on function ' || f.sig || ' to pgq_reader';
        end if;
        if f.name = any (v_writer) and v_has_writer then
            execute 'grant execute on function ' || f.sig || ' to pgq_writer';
        end if;
        if f.name = any (v_admin) and v_has_admin then
            execute 'grant execute on function ' || f.sig || ' to pgq_admin';
        end if;
    end loop;

    -- expressions of triggers run with the rights of pgq_writer, see pgq._trigger_expr
    if v_has_writer and not exists (
        select 1 from pg_catalog.pg_proc
         where oid = 'pgq._trigger_expr(anyelement, text[])'::pg_catalog.regprocedure
           and proowner = (select oid from pg_catalog.pg_roles where rolname = 'pgq_writer'))
    then
        begin
            execute pg_catalog.format('grant execute on function pgq._trigger_expr(anyelement, text[]) to %I', current_user);
            if not pg_catalog.pg_has_role('pgq_writer', 'usage') then
                execute pg_catalog.format('grant pgq_writer to %I', current_user);
            end if;
            grant create on schema pgq to pgq_writer;
            alter function pgq._trigger_expr(anyelement, text[]) owner to pgq_writer;
            execute pg_catalog.format('grant execute on function pgq._trigger_expr(anyelement, text[]) to %I', current_user);
            revoke create on schema pgq from pgq_writer;
        exception
            when insufficient_privilege then
                raise notice 'function pgq._trigger_expr cannot be given to pgq_writer by this user, triggers with expressions will not work';
        end;
    end if;
end;
$grants$;

-- After a restore on a server without these roles, event tables have lost their grants, too.
do $queues$
declare
    v_queue text;
begin
    for v_queue in
        select q.queue_name
          from pgq.queue q
          join pg_catalog.pg_roles r on r.rolname = 'pgq_reader'
         where pg_catalog.to_regclass(q.queue_data_pfx) is not null
           and not pg_catalog.has_table_privilege(r.oid, pg_catalog.to_regclass(q.queue_data_pfx), 'select')
         order by q.queue_name
    loop
        perform pgq.grant_perms(v_queue);
    end loop;
exception
    when insufficient_privilege then
        raise notice 'event tables cannot be granted to the roles by this user, skipping';
end;
$queues$;

insert into londiste_rs.component (schema_name, version)
values ('pgq', '1')
on conflict (schema_name) do update set version = excluded.version
    where component.version is distinct from excluded.version;
