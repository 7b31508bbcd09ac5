create or replace function pgq._trigger_args(
    i_argv text[], i_op text, i_when text, i_table text,
    out skip bool, out backup bool, out ignored text[], out pkey text, out exprs text[])
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq._trigger_args(4)
--
--      Reads the arguments of a queue trigger.
--
-- Parameters:
--      i_argv  - arguments, the first one is the queue
--      i_op    - INSERT, UPDATE, DELETE or TRUNCATE
--      i_when  - BEFORE, AFTER
--      i_table - schema dot table, for messages
--
-- Returns:
--      skip    - the row change shall not happen
--      backup  - keep the old row of an update
--      ignored - columns to leave out; null: none
--      pkey    - list of key columns as given; null: the primary key
--      exprs   - expressions for ev_type, ev_data, ev_extra1 .. ev_extra4, and when; null: none
--
-- Errors:
--      bad param to pgq trigger
--      SKIP does not work in AFTER trigger.
--      Table '<t>' to queue '<q>': change not allowed (<op>)
--      for truncate: Column ignore does not make sense for truncate trigger, Custom pkey_list ..., Backup ...,
--      Custom expressions do not make sense for truncater trigger
-- ----------------------------------------------------------------------
declare
    v_arg text;
    v_value text;
    v_pos int4;
    v_first bool := true;
begin
    skip := false;
    backup := false;
    foreach v_arg in array i_argv loop
        if v_first then
            v_first := false;
            continue;
        end if;
        v_value := substr(v_arg, strpos(v_arg, '=') + 1);
        v_pos := array_position(array['ev_type=', 'ev_data=', 'ev_extra1=', 'ev_extra2=', 'ev_extra3=', 'ev_extra4=',
                                      'when='],
                                substr(v_arg, 1, strpos(v_arg, '=')));
        if v_arg = 'SKIP' then
            skip := true;
        elsif v_arg = 'backup' then
            backup := true;
        elsif v_arg = 'deny' then
            raise exception 'Table ''%'' to queue ''%'': change not allowed (%)', i_table, i_argv[array_lower(i_argv, 1)], i_op;
        elsif v_arg = 'keys=refuse' then
            -- the trigger looks for it when a key was changed
            null;
        elsif v_arg like 'ignore=%' then
            ignored := string_to_array(regexp_replace(btrim(v_value, E' \t\n\r'), '[[:space:]]*,[[:space:]]*', ',', 'g'), ',');
        elsif v_arg like 'pkey=%' then
            pkey := v_value;
        elsif v_pos is not null then
            exprs := coalesce(exprs, array[null, null, null, null, null, null, null]);
            exprs[v_pos] := v_value;
        else
            raise exception 'bad param to pgq trigger' using detail = format('argument: %s', v_arg);
        end if;
    end loop;

    if skip and i_when = 'AFTER' then
        raise exception 'SKIP does not work in AFTER trigger.';
    end if;
    if i_op = 'TRUNCATE' then
        if ignored is not null then
            raise exception 'Column ignore does not make sense for truncate trigger';
        elsif pkey is not null then
            raise exception 'Custom pkey_list does not make sense for truncate trigger';
        elsif backup then
            raise exception 'Backup does not make sense for truncate trigger';
        elsif exprs is not null then
            raise exception 'Custom expressions do not make sense for truncater trigger';
        end if;
    end if;
end;
$$;
