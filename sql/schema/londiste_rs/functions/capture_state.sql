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
--      capture     - statement, row, ancestor (a row trigger of schema pgq), deny, none
--      state       - ok
--                    stale   - the generated code does not fit the table any more: changes are logged completely,
--                              but slowly
--                    wrong   - capture by statement is not right for this table any more, or triggers are missing
--                    none    - there are no triggers
--      advice      - what is wrong, or else; null when ok. londiste_rs.capture_refresh() puts it right.
-- ----------------------------------------------------------------------
declare
    v_table oid := londiste.find_table_oid(i_table);
    v_args text[];
    v_choice record;
    v_ops text[] := '{}';
    v_wanted text[];
    v_has_guard bool := false;
    v_owner name;
    t record;
begin
    capture := 'none';
    state := 'none';
    for t in
        select g.tgtype, p.proname, p.prosrc, pg_get_userbyid(p.proowner) as owner, p.pronamespace = 'londiste_rs'::regnamespace as ours,
               londiste_rs._capture_args(g.tgargs) as args
          from pg_trigger g join pg_proc p on p.oid = g.tgfoid
         where g.tgrelid = v_table and not g.tgisinternal and (g.tgtype & 32) = 0
           and londiste_rs.is_capture(g.tgfoid)
           and londiste_rs._capture_queue(g.tgargs) = i_queue
         order by g.tgname
    loop
        if not t.ours then
            capture := case when 'deny' = any (t.args) then 'deny' else 'ancestor' end;
            state := coalesce(nullif(state, 'none'), 'ok');
        else
            capture := case when t.proname ~ '_r$' then 'row' else 'statement' end;
            v_args := t.args[2:];
            if t.proname = 'capture_begin' then
                v_wanted := londiste_rs._capture_ops(t.tgtype);
            elsif t.proname = 'capture_guard' then
                v_has_guard := true;
            else
                v_ops := v_ops || londiste_rs._capture_ops(t.tgtype);
                v_owner := t.owner;
            end if;
            if t.proname ~ '_[iud]$' and t.prosrc <> londiste_rs._capture_code(
                    i_queue, v_table,
                    case right(t.proname, 1) when 'i' then 'INSERT' when 'u' then 'UPDATE' else 'DELETE' end,
                    londiste_rs._capture_extra1(v_args))
                or t.proname ~ '_r$' and t.prosrc <> londiste_rs._capture_row_code(
                    i_queue, v_table, londiste_rs._capture_ops(t.tgtype), londiste_rs._capture_extra1(v_args))
            then
                state := 'stale';
            else
                state := coalesce(nullif(state, 'none'), 'ok');
            end if;
        end if;
    end loop;
    if capture in ('statement', 'row') then
        select * into v_choice from londiste_rs.capture_choice(i_queue, v_table, v_args, coalesce(v_owner, current_user));
        if capture = 'statement' and v_choice.choice <> 'statement' then
            state := 'wrong';
            advice := format('it must be captured by row, because %s', v_choice.reason);
        elsif capture = 'statement' and not v_ops @> v_wanted then
            state := 'wrong';
            advice := 'a trigger is missing: some changes are not logged';
        elsif state = 'stale' or capture = 'statement' and (v_wanted is null or not v_has_guard) or v_choice.choice = 'ancestor' then
            state := 'stale';
            advice := 'the table was changed after they were made, or londiste upgraded: changes are logged completely, perhaps slowly';
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

create or replace function londiste_rs._capture_ops(i_type int2)
returns text[]
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: londiste_rs._capture_ops(1)
--
--      The operations of a trigger, out of pg_trigger.tgtype.
-- ----------------------------------------------------------------------
begin
    return array_remove(array[case when i_type & 4 > 0 then 'INSERT' end, case when i_type & 16 > 0 then 'UPDATE' end,
                              case when i_type & 8 > 0 then 'DELETE' end], null);
end;
$$;

create or replace function londiste_rs.capture_refresh(
    i_queue text, i_table text, i_way text default null, out capture text, out changed bool, out reason text)
language plpgsql set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: londiste_rs.capture_refresh(3)
--
--      Makes the triggers of a table again: as they have to be after the table was changed, or in another way.
--
-- Parameters:
--      i_queue     - queue
--      i_table     - local name of the table
--      i_way       - auto, statement, row, ancestor: as for londiste.create_trigger(); null: as it is now, where that is
--                    still right, and leave triggers alone that were not generated
--
-- Returns:
--      capture     - how the table is captured now: statement, row, ancestor, deny, none
--      changed     - whether triggers or their functions were made
--      reason      - why not by statement; why not in the way asked for. Triggers that deny changes, in BEFORE, or of
--                    another form of events stay as they are.
--
-- Locks:
--      the table, SHARE ROW EXCLUSIVE; ACCESS EXCLUSIVE when triggers are replaced
-- ----------------------------------------------------------------------
declare
    v_table oid := londiste.find_table_oid(i_table);
    v_name text;
    v_args text[];
    v_bits int2 := 0;
    v_choice record;
    v_way text;
    t record;
begin
    changed := false;
    select s.capture, s.state into capture, v_name from londiste_rs.capture_state(i_queue, i_table) s;
    if i_way is null and (capture not in ('statement', 'row') or v_name = 'ok') or capture in ('deny', 'none') then
        return;
    end if;
    for t in
        select londiste_rs._capture_args(g.tgargs) as args, g.tgtype, g.tgname, p.proname,
               p.pronamespace = 'londiste_rs'::regnamespace as ours
          from pg_trigger g join pg_proc p on p.oid = g.tgfoid
         where g.tgrelid = v_table and not g.tgisinternal and g.tgtype & 32 = 0
           and londiste_rs.is_capture(g.tgfoid) and p.proname <> 'capture_guard'
           and londiste_rs._capture_queue(g.tgargs) = i_queue
    loop
        v_args := nullif(t.args[2:], '{}');
        v_bits := v_bits | t.tgtype;
        if not t.ours and (t.proname <> 'logutriga' or t.tgtype & 2 > 0) then
            reason := format('trigger %s is of another kind', quote_ident(t.tgname));
            return;
        end if;
    end loop;
    select c.choice, c.reason into v_choice from londiste_rs.capture_choice(i_queue, v_table, v_args) c;
    reason := v_choice.reason;
    v_way := case when i_way = 'auto' then 'statement' else coalesce(i_way, capture) end;
    if array_position(array['ancestor', 'row', 'statement'], v_choice.choice)
        < array_position(array['ancestor', 'row', 'statement'], v_way)
    then
        v_way := v_choice.choice;
    else
        reason := null;
    end if;
    if v_way = 'ancestor' and capture = 'ancestor' then
        return;
    end if;

    capture := v_way;
    if v_way <> 'ancestor' then
        changed := londiste_rs.capture_create(i_queue, v_table, londiste_rs._capture_ops(v_bits), v_args, v_way);
        return;
    end if;
    perform londiste_rs.capture_drop(i_queue, v_table);
    execute format('create trigger %I after %s on %s for each row execute procedure pgq.logutriga(%s)',
        '_londiste_' || i_queue, array_to_string(londiste_rs._capture_ops(v_bits), ' or '), v_table::regclass,
        (select string_agg(quote_literal(a), ', ' order by nr) from unnest(array[i_queue] || v_args) with ordinality u (a, nr)));
    changed := true;
end;
$$;
