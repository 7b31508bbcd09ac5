create or replace function londiste_rs._capture_sql(
    i_kind text, i_table oid, i_events text, i_sequence text, i_extra1 text, i_guard text default null)
returns text
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: londiste_rs._capture_sql(6)
--
--      SQL that makes the events of one statement out of its transition tables old_rows and new_rows.
--
-- Parameters:
--      i_kind      - what to make; the last four with the operation before them, as in "UPDATE:resync":
--                      I       - I events of the new rows
--                      U       - U events of the new rows; none at all when the key of a row was changed
--                      U1      - U event of the new row; none at all when there are several, or when the key of the
--                                row was changed
--                      D       - D events of the old rows
--                      moved   - as U; rows with a changed key make a D event of the old row and an I event of the
--                                new one, and all D events come first
--                      resync  - D events for every key that was touched, then I events for the rows that have
--                                such a key now
--                      current - no events: a query that tells whether the new rows are in the table as they are
--                                here
--                      kept    - no events: a query that tells whether no row of an update changed its key
--                      gone    - no events: a query that tells whether no key of the old rows is in the table
--      i_table     - table
--      i_events    - quoted name of the event table
--      i_sequence  - quoted name of the event sequence; null: the id is the column's default
--      i_extra1    - ev_extra1
--      i_guard     - condition on the row q of pgq.queue, without which I, U, U1 and D make no events; null: none
--
-- Returns:
--      the statement; every name, operator and type in it is qualified
--
-- Errors:
--      Update/Delete on table without pkey
--      row security of table <t> hides rows from role <r>, who captures its changes
-- ----------------------------------------------------------------------
declare
    v_op text := case when i_kind like '%:%' then split_part(i_kind, ':', 1) end;
    v_kind text := case when i_kind like '%:%' then split_part(i_kind, ':', 2) else i_kind end;
    v_relation text;
    v_key_list text;
    v_key_names text[];
    v_key_types oid[];
    v_native bool[];
    v_insert text;
    v_fields text;
    v_new_data text := londiste_rs._capture_data(i_table, 'n');
    v_old_data text := londiste_rs._capture_data(i_table, 'o');
    v_key text;
    v_join text;
    v_same text;
    v_single text;
    v_from text := E'\n  from ' || case when i_guard is not null then E'pgq.queue q\n cross join ' else '' end;
    v_where text := coalesce(E'\n where ' || i_guard, '');
    -- stands for the name of a row
    v_mark text := chr(1);
    v_cols text;
    v_sources text;
begin
    select format('%I.%I', n.nspname, c.relname) into v_relation
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
     where c.oid = i_table;

    select string_agg(a.attname, ',' order by k.pos), array_agg(a.attname::text order by k.pos),
           array_agg(a.atttypid order by k.pos),
           array_agg(o.opcnamespace = 'pg_catalog'::regnamespace order by k.pos)
      into v_key_list, v_key_names, v_key_types, v_native
      from pg_index i
     cross join lateral unnest((i.indkey::int2[])[0 : i.indnkeyatts - 1]) with ordinality k (attnum, pos)
      join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
      join pg_opclass o on o.oid = i.indclass[k.pos - 1]
     where i.indrelid = i_table
       and i.indisprimary;
    if v_key_names is null and v_kind <> 'I' then
        raise exception 'Update/Delete on table without pkey';
    end if;

    if v_kind in ('resync', 'current', 'gone') and row_security_active(i_table) then
        raise exception 'row security of table % hides rows from role %, who captures its changes', v_relation, current_user;
    end if;

    if v_key_names is not null then
        select case when count(*) = 1 then '(pg_catalog.concat(' || min(k.ref) || ') collate pg_catalog."C")'
                    else '(pg_catalog.concat(row(' || string_agg(k.ref, ', ' order by k.pos) || ')) collate pg_catalog."C")'
               end,
               string_agg(case when v_native[k.pos] and londiste_rs._capture_base_type(v_key_types[k.pos]) = v_key_types[k.pos]
                               then format('r.%1$s operator(pg_catalog.=) k.%1$s', quote_ident(k.name))
                               else format('(pg_catalog.concat(r.%1$s) collate pg_catalog."C") operator(pg_catalog.=) (pg_catalog.concat(k.%1$s) collate pg_catalog."C")',
                                           quote_ident(k.name))
                          end, ' and ' order by k.pos),
               -- the types whose equality is that of their text need no text
               string_agg(case when v_key_types[k.pos] in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype,
                                                           'oid'::regtype, 'uuid'::regtype, 'date'::regtype)
                               then format('(select pg_catalog.array_agg(o.%1$s) from old_rows o) operator(pg_catalog.=)'
                                           ' (select pg_catalog.array_agg(n.%1$s) from new_rows n)', quote_ident(k.name))
                               else format('(select pg_catalog.array_agg(pg_catalog.concat(o.%1$s) collate pg_catalog."C") from old_rows o)'
                                           ' operator(pg_catalog.=)'
                                           ' (select pg_catalog.array_agg(pg_catalog.concat(n.%1$s) collate pg_catalog."C") from new_rows n)',
                                           quote_ident(k.name))
                          end, E'\n   and ' order by k.pos),
               string_agg(case when v_key_types[k.pos] in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype,
                                                           'oid'::regtype, 'uuid'::regtype, 'date'::regtype)
                               then format('array[n.%1$s] operator(pg_catalog.=)'
                                           ' (select pg_catalog.array_agg(o.%1$s) from (select s.%1$s from old_rows s limit 2) o)',
                                           quote_ident(k.name))
                               else format('array[pg_catalog.concat(n.%1$s) collate pg_catalog."C"] operator(pg_catalog.=)'
                                           ' (select pg_catalog.array_agg(pg_catalog.concat(o.%1$s) collate pg_catalog."C")'
                                           ' from (select s.%1$s from old_rows s limit 2) o)',
                                           quote_ident(k.name))
                          end, E'\n   and ' order by k.pos),
               string_agg(k.ref, ', ' order by k.pos)
          into v_key, v_join, v_same, v_single, v_cols
          from (select u.name, v_mark || '.' || quote_ident(u.name) as ref, u.pos
                  from unnest(v_key_names) with ordinality u (name, pos)) k;
    end if;

    v_fields := format(E'insert into %s (%sev_time, ev_txid, ev_type, ev_data, ev_extra1)'
                       '\nselect %spg_catalog.now(), pg_catalog.txid_current(), ',
                       i_events, case when i_sequence is not null then 'ev_id, ' end,
                       'pg_catalog.nextval(' || quote_literal(i_sequence) || '::pg_catalog.regclass), ');
    v_sources := case v_op
        when 'INSERT' then '{new}' when 'DELETE' then '{old}' else '{old,new}' end;

    if v_kind = 'I' then
        return v_fields || format('%L, %s, %L', 'I:' || coalesce(v_key_list, ''), v_new_data, i_extra1)
            || v_from || 'new_rows n' || v_where;
    elsif v_kind = 'D' then
        return v_fields || format('%L, %s, %L', 'D:' || v_key_list, v_old_data, i_extra1)
            || v_from || 'old_rows o' || v_where;
    elsif v_kind in ('U', 'U1') then
        return v_fields || format('%L, %s, %L', 'U:' || v_key_list, v_new_data, i_extra1)
            || v_from || 'new_rows n' || case when v_where = '' then E'\n where ' else v_where || E'\n   and ' end
            || case v_kind when 'U' then v_same else v_single end;
    elsif v_kind = 'moved' then
        return v_fields || format($sql$x.ev_type, x.ev_data, %L
  from (select case when v.part operator(pg_catalog.=) 1 then %L when p.same then %L else %L end as ev_type,
               case when v.part operator(pg_catalog.=) 1 then p.old_data else p.new_data end as ev_data
          from (select n.nr, n.key operator(pg_catalog.=) o.key as same, o.data as old_data, n.data as new_data
                  from (select pg_catalog.row_number() over () as nr, %s as key, %s as data from new_rows n) n
                  join (select pg_catalog.row_number() over () as nr, %s as key, %s as data from old_rows o) o
                    on o.nr operator(pg_catalog.=) n.nr) p
         cross join (values (1), (2)) v (part)
         where v.part operator(pg_catalog.=) 2 or not p.same
         order by v.part, p.nr) x$sql$,
            i_extra1, 'D:' || v_key_list, 'U:' || v_key_list, 'I:' || v_key_list,
            replace(v_key, v_mark, 'n'), v_new_data, replace(v_key, v_mark, 'o'), v_old_data);
    elsif v_kind = 'resync' then
        return v_fields || format($sql$x.ev_type, x.ev_data, %L
  from (select y.ev_type, y.ev_data
          from (select 1 as part, %L as ev_type, d.data as ev_data
                  from (select distinct on (s.key) s.key, s.data from (%s) s order by s.key, s.part) d
                 union all
                select 2, %L, %s
                  from only %s r
                  join (%s) k on %s) y
         order by y.part) x$sql$,
            i_extra1, 'D:' || v_key_list,
            (select string_agg(format('select %s as part, %s as key, %s as data from %s_rows %s', s.pos,
                                      replace(v_key, v_mark, left(s.name, 1)),
                                      case s.name when 'old' then v_old_data else v_new_data end, s.name, left(s.name, 1)),
                               ' union all ' order by s.pos)
               from unnest(v_sources::text[]) with ordinality s (name, pos)),
            'I:' || v_key_list, londiste_rs._capture_data(i_table, 'r'), v_relation,
            (select string_agg(format('select %s from %s_rows %s', replace(v_cols, v_mark, s.name), s.name, s.name),
                               ' union ' order by s.pos)
               from unnest(v_sources::text[] || case when cardinality(v_sources::text[]) = 1 then v_sources::text[] end)
                    with ordinality s (name, pos)),
            v_join);
    elsif v_kind = 'current' then
        return format($sql$select not exists (
    select 1
      from new_rows k
      left join only %s r on %s
     where (pg_catalog.concat(r.*) collate pg_catalog."C") operator(pg_catalog.<>) (pg_catalog.concat(k.*) collate pg_catalog."C"))$sql$,
            v_relation, v_join)
            || case when v_op = 'UPDATE' then ' and ' || v_same else '' end;
    elsif v_kind = 'kept' then
        return format($sql$select not exists (
    select 1
      from (select pg_catalog.row_number() over () as nr, %s as key from new_rows n) n
      join (select pg_catalog.row_number() over () as nr, %s as key from old_rows o) o
        on o.nr operator(pg_catalog.=) n.nr
     where n.key operator(pg_catalog.<>) o.key)$sql$,
            replace(v_key, v_mark, 'n'), replace(v_key, v_mark, 'o'));
    elsif v_kind = 'gone' then
        return format('select not exists (select 1 from old_rows k join only %s r on %s)', v_relation, v_join);
    end if;
    raise exception 'internal error: no such kind of capture: %', i_kind;
end;
$$;
