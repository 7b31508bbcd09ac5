create or replace function pgq.logutriga()
returns trigger
language plpgsql security definer as $$
-- ----------------------------------------------------------------------
-- Function: pgq.logutriga(0)
--
--      Trigger that puts row changes into a queue, urlencoded. For use as AFTER or BEFORE INSERT OR UPDATE OR DELETE
--      FOR EACH ROW, and AFTER TRUNCATE FOR EACH STATEMENT.
--
-- Parameters (of the trigger):
--      queue name, then in any order
--      SKIP            - in a BEFORE trigger: the row change shall not happen
--      backup          - put the old row of an UPDATE into ev_extra2
--      deny            - refuse every change
--      ignore=c1[,c2]  - leave these columns out; an UPDATE that changes only them makes no event
--      pkey=c1[,c2]    - key to use instead of the primary key
--      keys=refuse     - an UPDATE that changes the key is an error, as with the ancestor
--      ev_type=EXPR, ev_data=EXPR, ev_extra1=EXPR .. ev_extra4=EXPR
--                      - use the value of the expression over the row, see pgq._trigger_expr()
--      when=EXPR       - no event where that is false
--      Columns _pgq_ev_type, _pgq_ev_data, _pgq_ev_extra1 .. 4 are no data but replace the field of that name.
--
-- Events:
--      ev_type     - I:, U: or D: and the list of key columns; R for truncate
--      ev_data     - name=value pairs of the new row (of the old one for D), without generated columns that are no key
--      ev_extra1   - schema.table
--      ev_extra2   - old row, with backup
--
-- Errors:
--      pgq trigger must have destination queue as argument
--      pgq Ins/Upd/Del trigger must be fired FOR EACH ROW
--      pgq tRuncate trigger must be fired FOR EACH STATEMENT
--      Update/Delete on table without pkey
--      primary key update not allowed  (with keys=refuse, and where the key is deferrable)
--      Unknown magic column: <name>
--      table <t> was changed after this transaction began  (where the snapshot is older than the table's definition)
--      those of pgq._trigger_args(), pgq._trigger_expr() and pgq.insert_event()
--
-- Tables:
--      reads the catalogue each time, so every change of the table is noticed at once; inserts an event
--
-- Values are the text of the type's output function with ISO dates, as in a session with default settings; only the
-- time zone is the session's. Money is as in locale C, names of objects (regclass) are qualified. Does nothing while session_replication_role is local.
--
-- Definer's rights, so that who changes rows needs no rights on the queue. There is no search_path of its own, for
-- speed: every name, operator and type here is qualified, and values become text by output functions (concat,
-- format), never by casts, which the owner of a type may define.
--
-- Ancestor: refuses an UPDATE that changes the key; here it is a D event of the old row and an I event of the new
-- one. Includes generated columns. Values depend on the session's DateStyle and the like.
-- ----------------------------------------------------------------------
declare
    v_is_row boolean;
    v_table pg_catalog.text;
    v_skip boolean := false;
    v_backup boolean := false;
    v_ignored pg_catalog.text[];
    v_keys pg_catalog.text;
    v_exprs pg_catalog.text[];
    v_style pg_catalog.text[];
    v_restyle pg_catalog.text[];

    v_format pg_catalog.text;
    v_ncolumns integer;
    v_magic boolean;
    v_kept integer[];
    v_key_pos integer[];
    v_real_keys pg_catalog.text;

    v_ops pg_catalog.text[];
    v_op pg_catalog.text;
    v_row pg_catalog.text;
    v_old_row pg_catalog.text;
    v_values pg_catalog.text[];
    v_old_values pg_catalog.text[];
    v_event_values pg_catalog.text[];
    v_fields pg_catalog.text[];
    v_results pg_catalog.text[];
    v_part pg_catalog.text;
    v_old_part pg_catalog.text;
    v_pos integer;
    v_same boolean;
    v_columns pg_catalog.text[];
begin
    -- The short way, for triggers without options on tables without anything special. Few statements: in short
    -- transactions most of the time goes into setting up each of them.
    if TG_NARGS operator(pg_catalog.=) 1 and TG_LEVEL operator(pg_catalog.=) 'ROW'
        and pg_catalog.current_setting('session_replication_role') operator(pg_catalog.<>) 'local'
        and coalesce(pg_catalog.current_setting('londiste_rs.replay', true), '') operator(pg_catalog.<>) 'on'
        and pg_catalog.current_setting('transaction_isolation') operator(pg_catalog.=) 'read committed'
        and pg_catalog.starts_with(pg_catalog.current_setting('datestyle'), 'ISO')
        and pg_catalog.current_setting('intervalstyle') operator(pg_catalog.=) 'postgres'
        and pg_catalog.current_setting('bytea_output') operator(pg_catalog.=) 'hex'
        and pg_catalog.current_setting('extra_float_digits') operator(pg_catalog.~) '^[123]'
    then
        -- by attribute number; the array of names has nulls where columns were dropped
        select array(
                   select case when a.attisdropped then null
                               when a.attgenerated operator(pg_catalog.=) ''
                                   -- not of a type whose text has more settings, see pgq._row_style()
                                   and a.atttypid operator(pg_catalog.<>) all (
                                       '{790,24,2202,2203,2204,2205,2206,3734,3769,4191,
                                         791,1008,2207,2208,2209,2210,2211,3735,3770,4192}'::pg_catalog.oid[])
                               then a.attname
                               else '!'
                          end
                     from pg_catalog.pg_attribute a
                    where a.attrelid operator(pg_catalog.=) TG_RELID
                      and a.attnum operator(pg_catalog.>) 0
                    order by a.attnum),
               (select (i.indkey::pg_catalog.int2[])[0 : i.indnkeyatts operator(pg_catalog.-) 1]
                  from pg_catalog.pg_index i
                 where i.indrelid operator(pg_catalog.=) TG_RELID
                   and i.indisprimary
                   -- never evaluated, but lets the planner take the index of pg_index while that is small
                   and (i.indisprimary or pg_catalog.to_tsvector(i.indexrelid::pg_catalog.text) is null))
          into v_columns, v_key_pos;
        if v_key_pos is not null then
            v_keys := v_columns[v_key_pos[1]];
            if pg_catalog.cardinality(v_key_pos) operator(pg_catalog.>) 1 then
                v_keys := '';
                foreach v_pos in array v_key_pos loop
                    v_keys := pg_catalog.concat(v_keys, ',', v_columns[v_pos]);
                end loop;
                v_keys := pg_catalog.substr(v_keys, 2);
            end if;
        end if;

        if pg_catalog.array_to_string(v_columns, '') operator(pg_catalog.~) '^[A-Za-z0-9_]+$' collate pg_catalog."C"
            and pg_catalog.strpos(pg_catalog.array_to_string(v_columns, ','), '_pgq_ev_') operator(pg_catalog.=) 0
        then
            if TG_OP operator(pg_catalog.=) 'INSERT' then
                v_op := 'I:';
                v_row := pg_catalog.concat(NEW);
            elsif v_keys is null then
                raise exception 'Update/Delete on table without pkey';
            elsif TG_OP operator(pg_catalog.=) 'DELETE' then
                v_op := 'D:';
                v_row := pg_catalog.concat(OLD);
            else
                -- one key column, which is the first one, or there are no quoted values: look whether it is the same
                v_row := pg_catalog.concat(NEW);
                v_old_row := pg_catalog.concat(OLD);
                if pg_catalog.cardinality(v_key_pos) operator(pg_catalog.=) 1
                    and pg_catalog.split_part(v_row, ',', v_key_pos[1])
                        operator(pg_catalog.=) pg_catalog.split_part(v_old_row, ',', v_key_pos[1])
                    and (case when v_key_pos[1] operator(pg_catalog.=) 1 then not pg_catalog.starts_with(v_row, '("')
                              else pg_catalog.strpos(v_row, '"') operator(pg_catalog.=) 0
                                   and pg_catalog.strpos(v_old_row, '"') operator(pg_catalog.=) 0
                                   and pg_catalog.array_position(v_columns, null) is null
                         end)
                then
                    v_op := 'U:';
                end if;
            end if;

            if v_op is not null then
                perform pgq.insert_event(
                    TG_ARGV[0], pg_catalog.concat(v_op, v_keys),
                    pg_catalog.replace(pg_catalog.format(
                        pg_catalog.concat(pg_catalog.array_to_string(v_columns, '%s&'), '%s'),
                        variadic pgq._urlencode_values(v_row)), '"', ''),
                    pg_catalog.concat(TG_TABLE_SCHEMA, '.', TG_TABLE_NAME), null, null, null);
                if TG_WHEN operator(pg_catalog.=) 'AFTER' then
                    return null;
                elsif TG_OP operator(pg_catalog.=) 'DELETE' then
                    return OLD;
                end if;
                return NEW;
            end if;
        end if;
        v_keys := null;
    end if;

    v_is_row := TG_OP operator(pg_catalog.<>) 'TRUNCATE';
    v_table := pg_catalog.concat(TG_TABLE_SCHEMA, '.', TG_TABLE_NAME);
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
    v_style := pgq._row_style(TG_RELID);
    if pg_catalog.cardinality(v_style) operator(pg_catalog.>) 4
        or not (pg_catalog.current_setting('datestyle') operator(pg_catalog.~) '^ISO'
                and pg_catalog.current_setting('intervalstyle') operator(pg_catalog.=) 'postgres'
                and pg_catalog.current_setting('bytea_output') operator(pg_catalog.=) 'hex'
                and pg_catalog.current_setting('extra_float_digits') operator(pg_catalog.~) '^[123]')
    then
        v_restyle := pgq._set_style(v_style);
    end if;
    if TG_OP operator(pg_catalog.<>) 'DELETE' then
        v_row := pg_catalog.concat(NEW);
    end if;
    if TG_OP operator(pg_catalog.<>) 'INSERT' then
        v_old_row := pg_catalog.concat(OLD);
    end if;
    if v_restyle is not null then
        perform pgq._set_style(v_restyle);
    end if;

    -- the columns of the table, as they are now
    select pg_catalog.string_agg(
               pg_catalog.concat(
                   case when c.name operator(pg_catalog.~) '[^A-Za-z0-9_]' collate pg_catalog."C"
                        then pg_catalog.replace(pgq._urlencode(c.name), '%', '%%')
                        else c.name
                   end, '%', c.pos, '$s'), '&' order by c.pos)
               filter (where c.is_data and (v_ignored is null
                                            or c.name operator(pg_catalog.<>) all (v_ignored))),
           pg_catalog.count(*),
           pg_catalog.bool_or(c.is_magic),
           pg_catalog.string_agg(c.name, ',' order by c.key_pos) filter (where c.key_pos is not null),
           pg_catalog.array_agg(c.pos) filter (where c.key_pos is not null),
           case when v_ignored is not null then
               pg_catalog.array_agg(c.pos) filter (where c.name operator(pg_catalog.<>) all (v_ignored))
           end
      into v_format, v_ncolumns, v_magic, v_real_keys, v_key_pos, v_kept
      from (select a.attname::pg_catalog.text as name,
                   pg_catalog.row_number() over (order by a.attnum) as pos,
                   (a.attgenerated operator(pg_catalog.=) ''
                        -- without its key a row would not be found
                        or case when v_keys is null then pg_catalog.array_position(k.attnums, a.attnum) is not null
                                else a.attname::pg_catalog.text operator(pg_catalog.=) any (
                                         pg_catalog.regexp_split_to_array(
                                             pg_catalog.btrim(v_keys), '[[:space:]]*,[[:space:]]*'))
                           end)
                       and not pg_catalog.starts_with(a.attname::pg_catalog.text, '_pgq_ev_') as is_data,
                   pg_catalog.starts_with(a.attname::pg_catalog.text, '_pgq_ev_') as is_magic,
                   case when v_keys is null then pg_catalog.array_position(k.attnums, a.attnum) end as key_pos
              from pg_catalog.pg_attribute a
              left join (select (i.indkey::pg_catalog.int2[])[0 : i.indnkeyatts operator(pg_catalog.-) 1] as attnums
                           from pg_catalog.pg_index i
                          where i.indrelid operator(pg_catalog.=) TG_RELID
                            and i.indisprimary) k on true
             where a.attrelid operator(pg_catalog.=) TG_RELID
               and a.attnum operator(pg_catalog.>) 0
               and not a.attisdropped) c;
    if v_keys is null then
        v_keys := coalesce(v_real_keys, '');
    else
        -- a key of the trigger's own: find its columns; names that are no columns are not looked at
        select pg_catalog.array_agg(c.pos)
          into v_key_pos
          from (select a.attname::pg_catalog.text as name, pg_catalog.row_number() over (order by a.attnum) as pos
                  from pg_catalog.pg_attribute a
                 where a.attrelid operator(pg_catalog.=) TG_RELID
                   and a.attnum operator(pg_catalog.>) 0
                   and not a.attisdropped) c
         where c.name operator(pg_catalog.=) any (pg_catalog.regexp_split_to_array(
                   pg_catalog.btrim(v_keys), '[[:space:]]*,[[:space:]]*'));
    end if;

    if TG_OP operator(pg_catalog.<>) 'INSERT' and v_keys operator(pg_catalog.=) '' then
        raise exception 'Update/Delete on table without pkey';
    end if;

    if TG_OP operator(pg_catalog.=) 'DELETE' then
        v_values := pgq._urlencode_values(v_old_row);
        v_ops := '{D}';
    else
        v_values := pgq._urlencode_values(v_row);
        v_ops := '{I}';
    end if;

    if TG_OP operator(pg_catalog.=) 'UPDATE' then
        v_ops := '{U}';
        if v_row operator(pg_catalog.<>) v_old_row then
            -- the values before the first quoted one can be compared as they are
            v_same := v_ignored is null;
            if v_same and v_key_pos is not null then
                v_pos := 0;
                foreach v_pos in array v_key_pos loop
                    if v_pos operator(pg_catalog.>) 1
                        and (pg_catalog.strpos(v_row, '"') operator(pg_catalog.>) 0
                             or pg_catalog.strpos(v_old_row, '"') operator(pg_catalog.>) 0)
                    then
                        v_same := false;
                        exit;
                    end if;
                    v_part := pg_catalog.split_part(v_row, ',', v_pos);
                    v_old_part := pg_catalog.split_part(v_old_row, ',', v_pos);
                    if v_part operator(pg_catalog.<>) v_old_part
                        or pg_catalog.strpos(v_part, '"') operator(pg_catalog.>) 0
                    then
                        v_same := false;
                        exit;
                    end if;
                end loop;
            end if;

            if not v_same then
                -- one row may have double quotes before a value where the other has none, see pgq._urlencode_values()
                v_old_values := pgq._urlencode_values(v_old_row);
                if v_key_pos is not null then
                    foreach v_pos in array v_key_pos loop
                        if pg_catalog.replace(coalesce(v_values[v_pos], ''), '"', '')
                            operator(pg_catalog.<>) pg_catalog.replace(coalesce(v_old_values[v_pos], ''), '"', '')
                        then
                            v_ops := '{D,I}';
                            exit;
                        end if;
                    end loop;
                end if;
                if v_ignored is not null then
                    v_same := true;
                    foreach v_pos in array coalesce(v_kept, '{}') loop
                        if pg_catalog.replace(coalesce(v_values[v_pos], ''), '"', '')
                            operator(pg_catalog.<>) pg_catalog.replace(coalesce(v_old_values[v_pos], ''), '"', '')
                        then
                            v_same := false;
                            exit;
                        end if;
                    end loop;
                    if v_same then
                        v_ops := '{}';
                    end if;
                end if;
            end if;
        end if;
    end if;

    if v_ops operator(pg_catalog.=) '{D,I}' then
        if 'keys=refuse' operator(pg_catalog.=) any (TG_ARGV) then
            raise exception 'primary key update not allowed';
        end if;
        perform pgq._check_key_update(TG_RELID);
    end if;
    foreach v_op in array v_ops loop
        v_event_values := v_values;
        if v_op operator(pg_catalog.=) 'D' and TG_OP operator(pg_catalog.=) 'UPDATE' then
            v_event_values := v_old_values;
        end if;
        if pg_catalog.cardinality(v_event_values) operator(pg_catalog.<>) v_ncolumns
            and v_ncolumns operator(pg_catalog.>) 0
        then
            raise exception 'table % was changed after this transaction began', v_table
                using errcode = 'serialization_failure';
        end if;

        if v_magic or v_exprs is not null or v_backup then
            v_fields := array[
                pg_catalog.concat(v_op, ':', v_keys),
                pg_catalog.replace(pg_catalog.format(v_format, variadic v_event_values), '"', ''),
                v_table, null, null, null];
            if v_backup and v_op operator(pg_catalog.=) 'U' then
                v_fields[4] := pg_catalog.replace(
                    pg_catalog.format(v_format, variadic pgq._urlencode_values(v_old_row)), '"', '');
            end if;
            if v_magic then
                v_fields := pgq._trigger_magic(v_fields, TG_RELID,
                    case when v_op operator(pg_catalog.=) 'D' then v_old_row else v_row end);
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
        else
            perform pgq.insert_event(
                TG_ARGV[0], pg_catalog.concat(v_op, ':', v_keys),
                pg_catalog.replace(pg_catalog.format(v_format, variadic v_event_values), '"', ''),
                v_table, null, null, null);
        end if;
    end loop;

    if v_skip or TG_WHEN operator(pg_catalog.=) 'AFTER' then
        return null;
    elsif TG_OP operator(pg_catalog.=) 'DELETE' then
        return OLD;
    end if;
    return NEW;
end;
$$;
