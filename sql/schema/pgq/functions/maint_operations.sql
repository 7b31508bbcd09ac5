create or replace function pgq.maint_operations(out func_name text, out func_arg text)
returns setof record
language plpgsql set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq.maint_operations(0)
--
--      What maintenance has to do now, in order, each in a transaction of its own.
--
-- Returns:
--      func_name   - function to call (schema dot name), or "vacuum"
--      func_arg    - its argument; null: none
--      A function returns an integer; anything but 0 asks to be called again at once.
--
-- Tables:
--      reads pgq.queue and, where installed, pgq_node.node_info and londiste.seq_info
-- ----------------------------------------------------------------------
declare
    v_rotates bool := false;
begin
    func_name := 'pgq.maint_rotate_tables_step1';
    for func_arg in
        select queue_name from pgq.queue
         where queue_rotation_period is not null
           and queue_switch_step2 is not null
           and queue_switch_time + queue_rotation_period < current_timestamp
         order by queue_name
    loop
        v_rotates := true;
        return next;
    end loop;

    if v_rotates or exists (select 1 from pgq.queue where queue_switch_step2 is null) then
        func_name := 'pgq.maint_rotate_tables_step2';
        func_arg := null;
        return next;
    end if;

    for func_name, func_arg in
        select f.name, q.queue_name
          from pgq.queue q
          cross join lateral unnest(q.queue_extra_maint) with ordinality f (name, pos)
         order by q.queue_name, f.pos
    loop
        return next;
    end loop;

    func_name := 'vacuum';
    for func_arg in select t from pgq.maint_tables_to_vacuum() t loop
        return next;
    end loop;

    if exists (
        select 1 from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
         where n.nspname = 'pgq_node' and p.proname = 'maint_watermark')
    then
        func_name := 'pgq_node.maint_watermark';
        for func_arg in execute
            'select queue_name from pgq_node.node_info where node_type = ''root'' order by queue_name'
        loop
            return next;
        end loop;
    end if;

    if exists (
        select 1 from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
         where n.nspname = 'londiste' and p.proname = 'root_check_seqs')
    then
        func_name := 'londiste.root_check_seqs';
        for func_arg in execute
            'select distinct s.queue_name from londiste.seq_info s'
            ' join pgq_node.node_info n on n.queue_name = s.queue_name'
            ' where s.local and n.node_type = ''root'' order by 1'
        loop
            return next;
        end loop;
    end if;

    if exists (
        select 1 from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
         where n.nspname = 'londiste' and p.proname = 'periodic_maintenance')
    then
        func_name := 'londiste.periodic_maintenance';
        func_arg := null;
        return next;
    end if;
end;
$$;
