create or replace function londiste_rs.capture_choice(
    i_queue text, i_table oid, i_trg_args text[], i_role name default current_user, out choice text, out reason text)
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: londiste_rs.capture_choice(4)
--
--      Decides how the changes of a table can be captured.
--
-- Parameters:
--      i_queue     - queue
--      i_table     - table
--      i_trg_args  - what londiste.create_trigger() takes, without capture=; null: nothing
--      i_role      - who makes the triggers, and whose rights they will have
--
-- Returns:
--      choice      - statement: by generated statement triggers; row: by a generated row trigger; ancestor: by a row
--                    trigger of schema pgq
--      reason      - why not by what stands before it; null for statement
--
-- Triggers, foreign keys and functions that change rows of the table within a statement do not matter: statement triggers
-- notice, and look at the table before they log. Row triggers would log such changes before those around them.
-- ----------------------------------------------------------------------
declare
    v_arg text;
    v_letters text := '';
    c record;
    q record;
begin
    choice := 'ancestor';
    select * into q from pgq.queue where queue_name = i_queue;
    if not found then
        reason := 'there is no such queue';
        return;
    end if;
    if exists (
        select 1
          from unnest(array['pgq._set_style(text[])', 'pgq._row_style(oid)', 'pgq._may_replay()', 'pgq._url_row(text[],bool[],text[])']) u (name)
         where coalesce(not has_function_privilege(i_role, to_regprocedure(u.name), 'execute'), true))
    then
        reason := 'schema pgq is not ours';
        return;
    end if;
    foreach v_arg in array coalesce(i_trg_args, '{}') loop
        if v_arg like 'tgflags=%' then
            v_letters := v_letters || upper(substr(v_arg, 9));
        elsif v_arg not in ('expect_sync', 'skip_truncate', 'merge_all', 'no_merge', 'keys=refuse')
            and v_arg !~ '^ev_extra1=''([^'']|'''')*''$'
        then
            reason := format('the trigger argument %s needs it', quote_literal(v_arg));
            return;
        end if;
    end loop;
    if v_letters ~ '[JQBS]' then
        reason := format('the trigger flags %s need it', v_letters);
        return;
    end if;
    select k.relkind, k.relispartition, k.relrowsecurity, k.relforcerowsecurity, k.relowner into c
      from pg_class k where k.oid = i_table;
    if not found or c.relkind <> 'r' then
        reason := 'it is no plain table';
    elsif exists (select 1 from pg_attribute a where a.attrelid = i_table and a.attnum > 0 and not a.attisdropped
                     and starts_with(a.attname, '_pgq_ev_')) then
        reason := 'it has columns _pgq_ev_*';
    elsif exists (select 1 from pg_attribute a join pg_index i on i.indrelid = a.attrelid and i.indisprimary
                   where a.attrelid = i_table and a.attnum = any (i.indkey) and a.attgenerated <> '') then
        reason := 'its key is generated';
    elsif not has_schema_privilege(i_role, 'londiste_rs', 'create') then
        reason := format('role %s may not create functions in schema londiste_rs', quote_ident(i_role));
    elsif not has_sequence_privilege(i_role, format('%I.%I', split_part(q.queue_event_seq, '.', 1),
                                            substr(q.queue_event_seq, strpos(q.queue_event_seq, '.') + 1)), 'usage')
        or exists (
            select 1 from generate_series(0, q.queue_ntables - 1) g (i)
             where not has_table_privilege(i_role, format('%I.%I', split_part(q.queue_data_pfx, '.', 1),
                       substr(q.queue_data_pfx, strpos(q.queue_data_pfx, '.') + 1) || '_' || g.i), 'insert'))
    then
        reason := format('role %s may not insert into the queue''s tables', quote_ident(i_role));
    end if;
    if reason is not null then
        return;
    end if;

    choice := 'row';
    if octet_length('_londiste_' || i_queue) > 61 then
        reason := 'the queue''s name is too long';
    elsif c.relispartition then
        reason := 'it is a partition: changes through the partitioned table fire row triggers only';
    elsif exists (select 1 from pg_inherits h where h.inhrelid = i_table) then
        reason := 'it inherits: changes through its parent fire row triggers only';
    elsif exists (select 1 from pg_inherits h where h.inhparent = i_table) then
        reason := 'other tables inherit from it: their rows would be logged as its own';
    elsif not exists (select 1 from pg_index i where i.indrelid = i_table and i.indisprimary) then
        reason := 'it has no primary key';
    elsif not has_table_privilege(i_role, i_table, 'select') then
        reason := format('role %s may not read it', quote_ident(i_role));
    elsif c.relrowsecurity
        and not exists (select 1 from pg_roles r where r.rolname = i_role and (r.rolsuper or r.rolbypassrls))
        and (c.relforcerowsecurity or not pg_has_role(i_role, c.relowner, 'usage'))
    then
        reason := format('row security hides rows from role %s', quote_ident(i_role));
    else
        choice := 'statement';
    end if;
end;
$$;

create or replace function londiste_rs.is_capture(i_function oid)
returns bool
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: londiste_rs.is_capture(1)
--
--      Tells whether a function writes row changes into a queue as a trigger, or helps such a trigger: those of
--      schema pgq and the generated ones.
-- ----------------------------------------------------------------------
begin
    return exists (
        select 1
          from pg_proc p
          join pg_namespace n on n.oid = p.pronamespace
         where p.oid = i_function
           and p.prorettype = 'trigger'::regtype
           and (n.nspname = 'pgq' and p.proname in ('sqltriga', 'logutriga', 'jsontriga')
                or n.nspname = 'londiste_rs' and starts_with(p.proname, 'capture_')));
end;
$$;
