create or replace function londiste_rs.capture_state(
    i_queue text, i_table text, out capture text, out state text, out advice text)
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: londiste_rs.capture_state(2)
--
--      How the changes of a table are captured, and whether that is as it should be.
--
-- Parameters:
--      i_queue     - queue
--      i_table     - local name of the table, schema.table
--
-- Returns:
--      capture     - statement, row, deny, none
--      state       - ok
--                    stale   - the generated code does not fit the table any more: changes are logged completely,
--                              but slowly
--                    wrong   - capture by statement is not right for this table any more
--                    none    - there are no triggers
--      advice      - what to do; null when ok
-- ----------------------------------------------------------------------
declare
    v_table oid := londiste.find_table_oid(i_table);
    v_args text[];
    v_choice record;
    t record;
begin
    capture := 'none';
    state := 'none';
    for t in
        select g.tgtype, p.proname, p.prosrc, p.pronamespace = 'londiste_rs'::regnamespace as ours,
               londiste_rs._capture_args(g.tgargs) as args
          from pg_trigger g join pg_proc p on p.oid = g.tgfoid
         where g.tgrelid = v_table and not g.tgisinternal and (g.tgtype & 32) = 0
           and londiste_rs.is_capture(g.tgfoid)
           and londiste_rs._capture_queue(g.tgargs) = i_queue
         order by g.tgname
    loop
        if not t.ours then
            capture := case when 'deny' = any (t.args) then 'deny' else 'row' end;
            state := coalesce(nullif(state, 'none'), 'ok');
        else
            capture := 'statement';
            v_args := t.args[2:];
            if t.proname ~ '_[iud]$' and t.prosrc <> londiste_rs._capture_code(
                    i_queue, v_table,
                    case right(t.proname, 1) when 'i' then 'INSERT' when 'u' then 'UPDATE' else 'DELETE' end,
                    londiste_rs._capture_extra1(v_args))
            then
                state := 'stale';
            else
                state := coalesce(nullif(state, 'none'), 'ok');
            end if;
        end if;
    end loop;
    if capture = 'statement' then
        select * into v_choice from londiste_rs.capture_choice(i_queue, v_table, v_args);
        if v_choice.choice <> 'statement' then
            state := 'wrong';
            advice := format('it must be captured by row: %s', v_choice.reason);
        elsif state = 'stale' then
            advice := format('generate the triggers again: select londiste_rs.capture_refresh(%L, %L)', i_queue, i_table);
        end if;
    elsif capture = 'none' then
        advice := 'the table has no triggers of this queue';
    end if;
end;
$$;

create or replace function londiste_rs._capture_extra1(i_args text[])
returns text
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: londiste_rs._capture_extra1(1)
--
--      The value of the trigger argument ev_extra1='value'; null when there is none.
-- ----------------------------------------------------------------------
begin
    return (select replace(substr(a, 12, length(a) - 12), '''''', '''')
              from unnest(i_args) a where a like 'ev\_extra1=''%''' limit 1);
end;
$$;

create or replace function londiste_rs.capture_refresh(i_queue text, i_table text)
returns text
language plpgsql set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: londiste_rs.capture_refresh(2)
--
--      Generates the statement triggers of a table again, after it was changed, or replaces them by row triggers
--      where they are not right any more. Other triggers stay as they are.
--
-- Parameters:
--      i_queue     - queue
--      i_table     - local name of the table
--
-- Returns:
--      how the table is captured now: statement, row, deny, none
--
-- Locks:
--      the table, SHARE ROW EXCLUSIVE; ACCESS EXCLUSIVE when triggers are replaced
-- ----------------------------------------------------------------------
declare
    v_table oid := londiste.find_table_oid(i_table);
    v_state record;
    v_args text[];
    v_ops text[];
    v_choice text;
begin
    select * into v_state from londiste_rs.capture_state(i_queue, i_table);
    if v_state.capture <> 'statement' then
        return v_state.capture;
    end if;
    select (array_agg(londiste_rs._capture_args(g.tgargs)))[1:1][2:],
           array_agg(case right(p.proname, 1) when 'i' then 'INSERT' when 'u' then 'UPDATE' else 'DELETE' end
                     order by strpos('iud', right(p.proname, 1)))
      into v_args, v_ops
      from pg_trigger g join pg_proc p on p.oid = g.tgfoid
     where g.tgrelid = v_table and not g.tgisinternal and p.pronamespace = 'londiste_rs'::regnamespace
       and p.proname ~ '_[iud]$' and londiste_rs._capture_queue(g.tgargs) = i_queue;
    v_args := array(select unnest(v_args));
    select c.choice into v_choice from londiste_rs.capture_choice(i_queue, v_table, v_args) c;
    if v_choice = 'statement' then
        perform londiste_rs.capture_create(i_queue, v_table, v_ops, londiste_rs._capture_extra1(v_args));
        return 'statement';
    end if;
    perform londiste_rs.capture_drop(i_queue, v_table);
    execute format('create trigger %I after %s on %s for each row execute procedure pgq.logutriga(%s)',
        '_londiste_' || i_queue, array_to_string(v_ops, ' or '), v_table::regclass,
        (select string_agg(quote_literal(a), ', ' order by nr) from unnest(array[i_queue] || v_args) with ordinality u (a, nr)));
    return 'row';
end;
$$;
