create or replace function pgq.sqltriga()
returns trigger
language plpgsql security definer as $$
-- ----------------------------------------------------------------------
-- Function: pgq.sqltriga(0)
--
--      Trigger that puts row changes into a queue, as parts of SQL statements. For use as AFTER or BEFORE INSERT OR UPDATE OR
--      DELETE FOR EACH ROW, and AFTER TRUNCATE FOR EACH STATEMENT.
--
-- Parameters (of the trigger):
--      as for pgq.logutriga()
--
-- Events:
--      ev_type     - I, U or D; R for truncate
--      ev_data     - I: (c1,c2) values ('v1',null)     U: c2='v2',c3=NULL where c1='v1'    D: c1='v1'
--                    U has the changed columns only; the first key column where none is
--      ev_extra1   - schema.table
--      ev_extra2   - old row urlencoded, with backup
--
-- Errors:
--      those of pgq.logutriga()
--      logtriga: Unexpected NULL key value
--
-- Values, rights and limits are as for pgq.logutriga().
--
-- Ancestor: refuses an UPDATE that changes the key; here it is a D event of the old row and an I event of the new
-- one. Includes generated columns. Takes a change to an equal value (1.0 to 1.00) for none.
-- ----------------------------------------------------------------------
declare
    v_is_row boolean := TG_OP operator(pg_catalog.<>) 'TRUNCATE';
    v_table pg_catalog.text := pg_catalog.concat(TG_TABLE_SCHEMA, '.', TG_TABLE_NAME);
    v_skip boolean := false;
    v_backup boolean := false;
    v_ignored pg_catalog.text[];
    v_keys pg_catalog.text;
    v_exprs pg_catalog.text[];
    v_style pg_catalog.text[];
    v_op pg_catalog.text;
    v_row pg_catalog.text;
    v_old_row pg_catalog.text;
    v_fields pg_catalog.text[];
    v_results pg_catalog.text[];
    v_pos integer;
begin
    if TG_NARGS operator(pg_catalog.<) 1 then
        raise exception 'pgq trigger must have destination queue as argument';
    end if;
    if v_is_row operator(pg_catalog.<>) (TG_LEVEL operator(pg_catalog.=) 'ROW') then
        if v_is_row then
            raise exception 'pgq Ins/Upd/Del trigger must be fired FOR EACH ROW';
        end if;
        raise exception 'pgq tRuncate trigger must be fired FOR EACH STATEMENT';
    end if;

    if pg_catalog.current_setting('session_replication_role') operator(pg_catalog.=) 'local'
        or pg_catalog.current_setting('londiste_rs.replay', true) operator(pg_catalog.=) 'on' and pgq._may_replay()
    then
        if TG_OP operator(pg_catalog.=) 'DELETE' then
            return OLD;
        elsif v_is_row then
            return NEW;
        end if;
        return null;
    end if;

    if TG_NARGS operator(pg_catalog.>) 1 then
        select a.skip, a.backup, a.ignored, a.pkey, a.exprs
          into v_skip, v_backup, v_ignored, v_keys, v_exprs
          from pgq._trigger_args(TG_ARGV, TG_OP, TG_WHEN, v_table) a;
    end if;

    if not v_is_row then
        perform pgq.insert_event(TG_ARGV[0], 'R', '', v_table, null, null, null);
        return null;
    end if;

    -- rows become text with settings that do not depend on the session
    v_style := pgq._set_style(pgq._row_style(TG_RELID));
    if TG_OP operator(pg_catalog.<>) 'DELETE' then
        v_row := pg_catalog.concat(NEW);
    end if;
    if TG_OP operator(pg_catalog.<>) 'INSERT' then
        v_old_row := pg_catalog.concat(OLD);
    end if;
    perform pgq._set_style(v_style);

    for v_op, v_fields in
        select c.op, c.fields
          from pgq._trigger_changes('sql', TG_OP, TG_RELID, TG_TABLE_SCHEMA, TG_TABLE_NAME, v_ignored, v_keys,
                                    v_backup, v_row, v_old_row) c
    loop
        if v_op operator(pg_catalog.=) 'D' and TG_OP operator(pg_catalog.=) 'UPDATE'
            and 'keys=refuse' operator(pg_catalog.=) any (TG_ARGV)
        then
            raise exception 'primary key update not allowed';
        end if;
        if v_exprs is not null then
            if v_op operator(pg_catalog.=) 'D' then
                v_results := pgq._trigger_expr(OLD, v_exprs);
            else
                v_results := pgq._trigger_expr(NEW, v_exprs);
            end if;
            continue when v_results[7] operator(pg_catalog.=) 'f';
            for v_pos in 1 .. 6 loop
                if v_exprs[v_pos] is not null then
                    v_fields[v_pos] := v_results[v_pos];
                end if;
            end loop;
        end if;
        perform pgq.insert_event(TG_ARGV[0], v_fields[1], v_fields[2], v_fields[3], v_fields[4], v_fields[5],
                                 v_fields[6]);
    end loop;

    if v_skip or TG_WHEN operator(pg_catalog.=) 'AFTER' then
        return null;
    elsif TG_OP operator(pg_catalog.=) 'DELETE' then
        return OLD;
    end if;
    return NEW;
end;
$$;
