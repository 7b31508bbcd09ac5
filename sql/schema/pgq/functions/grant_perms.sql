create or replace function pgq.grant_perms(x_queue_name text)
returns int4
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq.grant_perms(1)
--
--      Makes the event tables and sequences of a queue reachable for the roles that may use them.
--
-- Parameters:
--      x_queue_name    - queue
--
-- Returns:
--      1
--
-- Errors:
--      Queue not found
--
-- Tables:
--      reads pgq.queue; grants on the event tables (as on pgq.event_template) and sequences
-- ----------------------------------------------------------------------
declare
    q record;
    v_pfx text[];
    i int4;
begin
    select * into q from pgq.queue where queue_name = x_queue_name;
    if not found then
        raise exception 'Queue not found';
    end if;

    execute 'grant select on ' || pgq.quote_fqname(q.queue_tick_seq) || ', ' || pgq.quote_fqname(q.queue_event_seq)
        || ' to public';
    if exists (select 1 from pg_roles where rolname = 'pgq_admin') then
        execute 'grant usage on ' || pgq.quote_fqname(q.queue_event_seq) || ' to pgq_admin';
    end if;

    v_pfx := parse_ident(pgq.quote_fqname(q.queue_data_pfx));
    perform pgq._grant_perms_from('pgq', 'event_template', v_pfx[1], v_pfx[2]);
    for i in 0 .. q.queue_ntables - 1 loop
        perform pgq._grant_perms_from('pgq', 'event_template', v_pfx[1], v_pfx[2] || '_' || i);
    end loop;
    return 1;
end;
$$;
