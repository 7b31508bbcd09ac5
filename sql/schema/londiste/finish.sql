-- Last step of schema londiste: the trigger of table_info, old tables brought up to date, and who may do what.

do $$
begin
    perform 1 from pg_catalog.pg_trigger t
        where t.tgrelid = 'londiste.table_info'::regclass
          and t.tgname = 'table_info_trigger_sync';
    if not found then
        create trigger table_info_trigger_sync before delete on londiste.table_info
            for each row execute procedure londiste.table_info_trigger();
    end if;
    perform londiste.upgrade_schema();
end;
$$;

grant usage on schema londiste to public;
grant select on londiste.table_info, londiste.seq_info, londiste.applied_execute, londiste.pending_fkeys to public;

-- Roles that are missing (nobody with CREATEROLE has run this) are left out.
do $$
declare
    everyone    text[] := array['find_column_types', 'find_rel_oid', 'find_seq_oid', 'find_table_fkeys',
                    'find_table_oid', 'is_replica_func', 'make_fqname', 'quote_fqname', 'split_fqname', 'version'];
    -- what a node below needs on its provider
    remote      text[] := array['_coordinate_copy', 'get_seq_list', 'get_table_list'];
    -- what the ticker needs
    maint       text[] := array['periodic_maintenance', 'root_check_seqs'];
    -- what worker and administrator need
    writer      text[] := array['create_partition', 'create_trigger', 'drop_obsolete_partitions', 'drop_table_fkey',
                    'drop_table_triggers', 'execute_finish', 'execute_start', 'get_table_pending_fkeys',
                    'get_valid_pending_fkeys', 'global_add_table', 'global_remove_seq', 'global_remove_table',
                    'global_update_seq', 'is_obsolete_partition', 'list_obsolete_partitions', 'local_add_seq',
                    'local_add_table', 'local_change_handler', 'local_remove_seq', 'local_remove_table',
                    'local_set_table_attrs', 'local_set_table_state', 'local_set_table_struct',
                    'local_show_missing', 'restore_table_fkey', 'root_notify_change',
                    'set_session_replication_role', 'table_info_trigger', 'upgrade_schema'];
    func        record;
    role_name   name;
begin
    for func in
        select p.oid::regprocedure as sig, p.proname
        from pg_catalog.pg_proc p
        where p.pronamespace = 'londiste'::regnamespace
          and p.proname = any (everyone || remote || maint || writer)
    loop
        execute format('revoke all on function %s from public', func.sig);
        if func.proname = any (everyone) then
            execute format('grant execute on function %s to public', func.sig);
        end if;
    end loop;

    for role_name in
        select r.rolname from pg_catalog.pg_roles r
        where r.rolname in ('pgq_admin', 'londiste_reader', 'londiste_writer')
    loop
        for func in
            select p.oid::regprocedure as sig
            from pg_catalog.pg_proc p
            where p.pronamespace = 'londiste'::regnamespace
              and (p.proname = any (remote) and role_name in ('londiste_reader', 'londiste_writer')
                   or p.proname = any (maint) and role_name in ('pgq_admin', 'londiste_writer')
                   or p.proname = any (writer) and role_name = 'londiste_writer')
        loop
            execute format('grant execute on function %s to %I', func.sig, role_name);
        end loop;

        if role_name = 'londiste_reader' then
            grant select on londiste.table_info, londiste.seq_info, londiste.applied_execute, londiste.pending_fkeys
                to londiste_reader;
        elsif role_name = 'londiste_writer' then
            grant usage on sequence londiste.table_info_nr_seq, londiste.seq_info_nr_seq to londiste_writer;
        else
            grant select, insert, update, delete
                on londiste.table_info, londiste.seq_info, londiste.applied_execute, londiste.pending_fkeys
                to pgq_admin;
        end if;
    end loop;
end;
$$;
