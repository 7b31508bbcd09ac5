create or replace function pgq.maint_rotate_tables_step2()
returns int4
language plpgsql set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq.maint_rotate_tables_step2(0)
--
--      Ends the rotations that step 1 began, once no transaction is left that may still write into the table
--      which was current before. Until then readers look into both tables, and the queue is not rotated again.
--
--      Such a transaction has a snapshot that does not see step 1, so it is known by its backend_xmin. Who may
--      not see that of other sessions (neither superuser nor member of pg_read_all_stats) waits for all
--      transactions of this database that are running when this function is called first after step 1.
--
-- Returns:
--      0
--
-- Tables:
--      reads pg_stat_activity, pg_locks; updates pgq.queue and londiste_rs.rotation_wait
--
-- Ancestor: does not wait. It loses events of repeatable read transactions that span a rotation.
-- ----------------------------------------------------------------------
declare
    q record;
    v_sees_all bool;
    v_waiting text[];
    v_running text[];
    v_old bool;
begin
    if not exists (select 1 from pgq.queue where queue_switch_step2 is null) then
        return 0;
    end if;

    v_sees_all := pg_has_role(current_user, 'pg_read_all_stats', 'usage')
        or exists (select 1 from pg_catalog.pg_roles where rolname = current_user and rolsuper);

    for q in
        select queue_id, queue_switch_step1 from pgq.queue where queue_switch_step2 is null order by queue_name for update
    loop
        if v_sees_all then
            -- a snapshot that does not see step 1 has an xmin of that age or older
            v_old := exists (
                select 1
                  from pg_catalog.pg_stat_activity a
                 where a.datname = current_database()
                   and a.pid <> pg_backend_pid()
                   and a.backend_xmin is not null
                   and a.backend_type is distinct from 'autovacuum worker'
                   and age(a.backend_xmin) >= age((q.queue_switch_step1 % 4294967296)::text::xid)
            );
        else
            select coalesce(array_agg(l.virtualtransaction), '{}')
              into v_running
              from pg_catalog.pg_locks l
              join pg_catalog.pg_stat_activity a on a.pid = l.pid
             where l.locktype = 'virtualxid'
               and l.virtualtransaction = l.virtualxid
               and a.datid = (select d.oid from pg_catalog.pg_database d where d.datname = current_database())
               and l.pid <> pg_backend_pid();
            select w.waiting_for into v_waiting
              from londiste_rs.rotation_wait w
             where w.queue_id = q.queue_id
               and w.switch_step1 = q.queue_switch_step1;
            if found then
                select coalesce(array_agg(x), '{}') into v_waiting from unnest(v_waiting) x where x = any (v_running);
            else
                v_waiting := v_running;
            end if;
            v_old := v_waiting <> '{}';
            if v_old then
                insert into londiste_rs.rotation_wait (queue_id, switch_step1, waiting_for)
                values (q.queue_id, q.queue_switch_step1, v_waiting)
                on conflict (queue_id) do update
                    set switch_step1 = excluded.switch_step1, waiting_for = excluded.waiting_for;
            end if;
        end if;

        if not v_old then
            update pgq.queue set queue_switch_step2 = txid_current() where queue_id = q.queue_id;
            delete from londiste_rs.rotation_wait where queue_id = q.queue_id;
        end if;
    end loop;
    return 0;
end;
$$;
