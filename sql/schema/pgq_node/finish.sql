-- Last step of schema pgq_node: brings old tables up to date and says who may do what.

do $$ begin perform pgq_node.upgrade_schema(); end; $$;

grant usage on schema pgq_node to public;

-- Roles that are missing (nobody with CREATEROLE has run schema pgq) are left out.
do $$
declare
    everyone    text[] := array['is_root_node', 'is_leaf_node', 'version'];
    -- what a node needs on its provider
    remote      text[] := array['get_consumer_info', 'get_consumer_state', 'get_queue_locations', 'get_node_info',
                    'get_subscriber_info', 'register_subscriber', 'unregister_subscriber',
                    'set_subscriber_watermark'];
    -- what a plain cascaded consumer needs on its own node
    consumer    text[] := array['register_consumer', 'unregister_consumer', 'change_consumer_provider',
                    'set_consumer_uptodate', 'set_consumer_paused', 'set_consumer_completed', 'set_consumer_error'];
    -- what a worker, an administrator and the ticker need
    admin       text[] := array['create_node', 'drop_node', 'demote_root', 'promote_branch', 'set_node_attrs',
                    'get_worker_state', 'set_global_watermark', 'set_partition_watermark', 'register_location',
                    'unregister_location', 'maint_watermark', 'upgrade_schema'];
    func        record;
    role_name   name;
begin
    for func in
        select p.oid::regprocedure as sig, p.proname
        from pg_catalog.pg_proc p
        where p.pronamespace = 'pgq_node'::regnamespace
          and p.proname = any (everyone || remote || consumer || admin)
    loop
        execute format('revoke all on function %s from public', func.sig);
        if func.proname = any (everyone) then
            execute format('grant execute on function %s to public', func.sig);
        end if;
    end loop;

    for role_name in
        select r.rolname from pg_catalog.pg_roles r
        where r.rolname in ('pgq_reader', 'pgq_writer', 'pgq_admin')
    loop
        for func in
            select p.oid::regprocedure as sig
            from pg_catalog.pg_proc p
            where p.pronamespace = 'pgq_node'::regnamespace
              and (p.proname = any (remote)
                   or p.proname = any (consumer) and role_name in ('pgq_writer', 'pgq_admin')
                   or p.proname = any (admin) and role_name = 'pgq_admin')
        loop
            execute format('grant execute on function %s to %I', func.sig, role_name);
        end loop;

        execute format('grant select on pgq_node.node_location, pgq_node.node_info, pgq_node.local_state,'
            ' pgq_node.subscriber_info to %I', role_name);
        if role_name = 'pgq_admin' then
            execute format('grant select, insert, update, delete on pgq_node.node_location, pgq_node.node_info,'
                ' pgq_node.local_state, pgq_node.subscriber_info to %I', role_name);
        end if;
    end loop;
end;
$$;
