create or replace function londiste_rs.capture_drop(i_queue text, i_table oid)
returns int4
language plpgsql set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: londiste_rs.capture_drop(2)
--
--      Takes the generated triggers of a queue off a table, and drops their functions.
--
-- Parameters:
--      i_queue     - queue
--      i_table     - table
--
-- Returns:
--      number of triggers
--
-- Locks:
--      the table, ACCESS EXCLUSIVE, when it has such triggers
-- ----------------------------------------------------------------------
declare
    v_count int4 := 0;
    t record;
begin
    for t in
        select g.tgname, n.nspname, c.relname, p.oid, p.proname
          from pg_trigger g
          join pg_proc p on p.oid = g.tgfoid
          join pg_class c on c.oid = g.tgrelid
          join pg_namespace n on n.oid = c.relnamespace
         where g.tgrelid = i_table
           and not g.tgisinternal
           and p.pronamespace = 'londiste_rs'::regnamespace
           and londiste_rs.is_capture(p.oid)
           and londiste_rs._capture_queue(g.tgargs) = i_queue
    loop
        execute format('drop trigger %I on %I.%I', t.tgname, t.nspname, t.relname);
        if t.proname not in ('capture_begin', 'capture_guard')
            and not exists (select 1 from pg_trigger g where g.tgfoid = t.oid)
        then
            execute format('drop function londiste_rs.%I()', t.proname);
        end if;
        v_count := v_count + 1;
    end loop;
    return v_count;
end;
$$;
