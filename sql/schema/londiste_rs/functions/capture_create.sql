create or replace function londiste_rs.capture_create(
    i_queue text, i_table oid, i_ops text[], i_args text[] default null, i_way text default 'statement')
returns bool
language plpgsql set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: londiste_rs.capture_create(5)
--
--      Makes the generated triggers of a queue on a table, and their functions, or brings them up to date.
--
-- Parameters:
--      i_queue     - queue
--      i_table     - table, for which londiste_rs.capture_choice() says i_way, or statement
--      i_ops       - INSERT, UPDATE, DELETE, or some of them
--      i_args      - trigger arguments that generated code knows: ev_extra1='value', keys=refuse; null: none
--      i_way       - statement or row
--
-- Returns:
--      true when anything was changed
--
-- Triggers:
--      by statement:
--      _londiste_<queue>, .._u, .._d - of the operations, the first one that is captured has the plain name
--      .._b, .._g - see londiste_rs.capture_begin() and capture_guard()
--      by row:
--      _londiste_<queue>
--
-- Locks:
--      the table, SHARE ROW EXCLUSIVE; ACCESS EXCLUSIVE when triggers are replaced
-- ----------------------------------------------------------------------
declare
    v_plain text := '_londiste_' || i_queue;
    v_relation text;
    v_function text;
    v_op text;
    v_code text;
    v_extra1 text := londiste_rs._capture_extra1(i_args);
    v_args text := (select string_agg(', ' || quote_literal(u.arg), '' order by u.nr) from unnest(i_args) with ordinality u (arg, nr));
    v_changed bool := false;
    -- per trigger: name, type bits, function, its definition after the name
    v_names text[] := '{}';
    v_types int4[] := '{}';
    v_functions text[] := '{}';
    v_events text[] := '{}';
    v_first text;
    v_pos int4;
    t record;
begin
    select format('%I.%I', n.nspname, c.relname),
           'capture_' || left(regexp_replace(c.relname, '[^A-Za-z0-9_]', '', 'g'), 30)
               || '_' || left(md5(concat_ws('|', i_queue, n.nspname, c.relname)), 10)
      into v_relation, v_function
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.oid = i_table;
    execute format('lock table only %s in share row exclusive mode', v_relation);
    -- functions keep their names when the table is renamed, and no two tables share one
    v_function := coalesce((
        select regexp_replace(p.proname, '_[iudr]$', '')
          from pg_trigger g join pg_proc p on p.oid = g.tgfoid
         where g.tgrelid = i_table and not g.tgisinternal and p.pronamespace = 'londiste_rs'::regnamespace
           and p.proname ~ '_[iudr]$' and londiste_rs._capture_queue(g.tgargs) = i_queue
         limit 1),
        case when exists (select 1 from pg_trigger g join pg_proc p on p.oid = g.tgfoid
                           where p.pronamespace = 'londiste_rs'::regnamespace and p.proname ~ (v_function || '_[iudr]$')
                             and g.tgrelid <> i_table)
             then 'capture_' || left(md5(concat_ws('|', v_function, i_table, clock_timestamp())), 20)
        end, v_function);

    foreach v_op in array case i_way when 'row' then array['ROW'] else i_ops end loop
        v_code := case i_way when 'row' then londiste_rs._capture_row_code(i_queue, i_table, i_ops, v_extra1)
                             else londiste_rs._capture_code(i_queue, i_table, v_op, v_extra1) end;
        v_functions := v_functions || (v_function || '_' || lower(left(v_op, 1)));
        if not exists (
            select 1 from pg_proc p
             where p.pronamespace = 'londiste_rs'::regnamespace
               and p.proname = v_functions[cardinality(v_functions)] and p.prosrc = v_code)
        then
            execute format('create or replace function londiste_rs.%I() returns trigger language plpgsql security definer as %L',
                           v_functions[cardinality(v_functions)], v_code);
            execute format('revoke all on function londiste_rs.%I() from public', v_functions[cardinality(v_functions)]);
            v_changed := true;
        end if;
        v_names := v_names || (v_plain || case when v_first is null then '' else '_' || lower(left(v_op, 1)) end);
        v_first := coalesce(v_first, v_op);
        v_types := v_types || case v_op when 'INSERT' then 4 when 'DELETE' then 8 when 'UPDATE' then 16 else 1 end;
        v_events := v_events || format('after %s on %s referencing%s%s for each statement', v_op, v_relation,
            case when v_op <> 'INSERT' then ' old table as old_rows' else '' end,
            case when v_op <> 'DELETE' then ' new table as new_rows' else '' end);
    end loop;
    if i_way = 'row' then
        v_names := array[v_plain::name::text];
        v_types := array[(select sum(case o when 'INSERT' then 4 when 'DELETE' then 8 else 16 end)::int4 + 1 from unnest(i_ops) o)];
        v_events := array[format('after %s on %s for each row', array_to_string(i_ops, ' or '), v_relation)];
    else
        v_names := v_names || array[v_plain || '_b', v_plain || '_g'];
        v_types := v_types || array[(select sum(y)::int4 + 2 from unnest(v_types) y), v_types[1] + 1];
        v_functions := v_functions || array['capture_begin', 'capture_guard'];
        v_events := v_events || array[
            format('before %s on %s for each statement', array_to_string(i_ops, ' or '), v_relation),
            format('after %s on %s referencing %s for each row when (false)', v_first, v_relation,
                   case v_first when 'DELETE' then 'old table as old_rows' else 'new table as new_rows' end)];
    end if;

    for t in
        select g.tgname, g.tgtype, p.oid, p.proname, p.pronamespace = 'londiste_rs'::regnamespace as ours,
               londiste_rs._capture_args(g.tgargs) is not distinct from array[i_queue] || i_args as same
          from pg_trigger g join pg_proc p on p.oid = g.tgfoid
         where g.tgrelid = i_table and not g.tgisinternal
           and (g.tgtype & 32) = 0
           and (londiste_rs.is_capture(g.tgfoid) and londiste_rs._capture_queue(g.tgargs) = i_queue
                or g.tgname = any (v_names))
    loop
        v_pos := array_position(v_names, t.tgname::text);
        if t.ours and t.same and v_pos is not null and v_types[v_pos] = t.tgtype and v_functions[v_pos] = t.proname then
            v_names[v_pos] := null;
        else
            execute format('drop trigger %I on %s', t.tgname, v_relation);
            v_changed := true;
            if t.ours and t.proname ~ '_[iudr]$' and t.proname <> all (v_functions)
                and not exists (select 1 from pg_trigger g where g.tgfoid = t.oid)
            then
                execute format('drop function londiste_rs.%I()', t.proname);
            end if;
        end if;
    end loop;
    for v_pos in 1 .. cardinality(v_names) loop
        continue when v_names[v_pos] is null;
        execute format('create trigger %I %s execute procedure londiste_rs.%I(%L%s)', v_names[v_pos], v_events[v_pos],
                       v_functions[v_pos], i_queue, v_args);
        v_changed := true;
    end loop;
    return v_changed;
end;
$$;

create or replace function londiste_rs._capture_args(i_args bytea)
returns text[]
language plpgsql stable strict set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: londiste_rs._capture_args(1)
--
--      The arguments of a trigger, out of pg_trigger.tgargs.
-- ----------------------------------------------------------------------
declare
    v_hex text := encode(i_args, 'hex');
    v_args text[] := '{}';
    v_start int4 := 1;
    v_pos int4;
begin
    for v_pos in select g from generate_series(1, length(v_hex), 2) g where substr(v_hex, g, 2) = '00' order by g loop
        v_args := v_args || convert_from(decode(substr(v_hex, v_start, v_pos - v_start), 'hex'), getdatabaseencoding());
        v_start := v_pos + 2;
    end loop;
    return v_args;
end;
$$;

create or replace function londiste_rs._capture_queue(i_args bytea)
returns text
language plpgsql stable strict set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: londiste_rs._capture_queue(1)
--
--      The queue that a trigger with these arguments writes into: the first one.
-- ----------------------------------------------------------------------
begin
    return (londiste_rs._capture_args(i_args))[1];
end;
$$;
