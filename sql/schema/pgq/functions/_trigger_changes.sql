create or replace function pgq._trigger_changes(
    i_kind text, i_op text, i_relid oid, i_schema text, i_table text,
    i_ignored text[], i_pkey text, i_backup bool, i_row text, i_old_row text,
    out op text, out fields text[])
returns setof record
language plpgsql set search_path = pg_catalog, pg_temp set quote_all_identifiers = off
set datestyle = 'ISO' set intervalstyle = 'postgres' set extra_float_digits = '3' set bytea_output = 'hex'
as $$
-- ----------------------------------------------------------------------
-- Function: pgq._trigger_changes(10)
--
--      Makes the events of a row change for pgq.jsontriga() and pgq.sqltriga(), and for generated triggers.
--
-- Parameters:
--      i_kind              - json, sql or url
--      i_op                - INSERT, UPDATE or DELETE
--      i_relid, i_schema, i_table  - the table
--      i_ignored           - columns to leave out; null: none
--      i_pkey              - list of key columns; null: the primary key
--      i_backup            - keep the old row of an update
--      i_row, i_old_row    - text of the new and the old row, null where there is none
--
-- Returns:
--      op      - I, U or D. No row when there is no event, two (D and I) when the key was changed.
--      fields  - ev_type, ev_data, ev_extra1 .. ev_extra4, columns _pgq_ev_* already put in
--
-- Errors:
--      Update/Delete on table without pkey
--      Unknown magic column: <name>
--      logtriga: Unexpected NULL key value
--      table <t> was changed after this transaction began
--
-- Tables:
--      reads the catalogue each time, so every change of the table is noticed at once
-- ----------------------------------------------------------------------
declare
    v_new text[] := pgq._row_values(i_row);
    v_old text[] := pgq._row_values(i_old_row);
    v_values text[];
    v_keys text[];
    v_ops text[];
    v_changed bool;
    v_kept_changed bool;
    v_key_changed bool;
    v_count int4;
    v_data text;
    v_where text;
    v_names text[];
    v_types oid[];
    v_is_data bool[];
    v_is_key bool[];
    v_is_magic bool[];
    v_is_fixed bool[];
begin
    if i_pkey is not null then
        v_keys := string_to_array(case when i_kind = 'json' then i_pkey
                                       else regexp_replace(btrim(i_pkey), '[[:space:]]*,[[:space:]]*', ',', 'g')
                                  end, ',');
    else
        select array_agg(a.attname::text order by k.pos)
          into v_keys
          from pg_catalog.pg_index i
         cross join lateral unnest((i.indkey::int2[])[0 : i.indnkeyatts - 1]) with ordinality k (attnum, pos)
          join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
         where i.indrelid = i_relid
           and i.indisprimary;
    end if;
    if i_op <> 'INSERT' and v_keys is null then
        raise exception 'Update/Delete on table without pkey';
    end if;

    select array_agg(a.attname::text order by a.attnum), array_agg(a.atttypid order by a.attnum),
           array_agg((a.attgenerated = '' or i_kind <> 'sql' and coalesce(a.attname = any (v_keys), false))
                     and not starts_with(a.attname::text, '_pgq_ev_')
                     and (i_ignored is null or a.attname <> all (i_ignored)) order by a.attnum),
           array_agg(coalesce(a.attname::text = any (v_keys), false) order by a.attnum),
           array_agg(starts_with(a.attname::text, '_pgq_ev_') order by a.attnum),
           array_agg(a.attgenerated <> '' or a.attidentity = 'a' order by a.attnum),
           count(*)
      into v_names, v_types, v_is_data, v_is_key, v_is_magic, v_is_fixed, v_count
      from pg_catalog.pg_attribute a
     where a.attrelid = i_relid
       and a.attnum > 0
       and not a.attisdropped;
    if v_count > 0 and cardinality(coalesce(v_new, v_old)) <> v_count then
        raise exception 'table %.% was changed after this transaction began', i_schema, i_table
            using errcode = 'serialization_failure';
    end if;

    v_ops := array[substr(i_op, 1, 1)];
    if i_op = 'UPDATE' then
        select coalesce(bool_or(n.v is distinct from v_old[n.pos]), false),
               coalesce(bool_or(n.v is distinct from v_old[n.pos]) filter (where v_is_data[n.pos] or v_is_magic[n.pos]), false),
               coalesce(bool_or(n.v is distinct from v_old[n.pos]) filter (where v_is_key[n.pos]), false)
          into v_changed, v_kept_changed, v_key_changed
          from unnest(v_new) with ordinality n (v, pos);
        if v_key_changed then
            perform pgq._check_key_update(i_relid);
            v_ops := array['D', 'I'];
        elsif i_ignored is not null and v_changed and not v_kept_changed then
            return;
        end if;
    end if;

    foreach op in array v_ops loop
        v_values := case when op = 'D' then v_old else v_new end;
        fields := array[null, null, i_schema || '.' || i_table, null, null, null];

        if i_kind = 'json' then
            fields[1] := format('{"op":"%s","table":[%s,%s],"pkey":[%s]}',
                case op when 'I' then 'INSERT' when 'U' then 'UPDATE' else 'DELETE' end,
                to_json(i_schema), to_json(i_table),
                (select string_agg(to_json(k.name)::text, ',' order by k.pos)
                   from unnest(v_keys) with ordinality k (name, pos)));
            fields[2] := pgq._json_row(v_names, v_types, v_is_data, v_values);
            if i_backup and op = 'U' then
                fields[4] := pgq._json_row(v_names, v_types, v_is_data, v_old);
            end if;
        elsif i_kind = 'url' then
            fields[1] := op || ':' || coalesce(i_pkey, array_to_string(v_keys, ','), '');
            fields[2] := coalesce(pgq._url_row(v_names, v_is_data, v_values), '');
            if i_backup and op = 'U' then
                fields[4] := coalesce(pgq._url_row(v_names, v_is_data, v_old), '');
            end if;
        else
            fields[1] := op;
            if op = 'I' then
                select format('(%s) values (%s)', string_agg(quote_ident(v_names[n.pos]), ',' order by n.pos),
                              string_agg(coalesce(quote_literal(n.v), 'null'), ',' order by n.pos))
                  into v_data
                  from unnest(v_values) with ordinality n (v, pos)
                 where v_is_data[n.pos];
            else
                if exists (select 1 from unnest(v_values) with ordinality n (v, pos) where v_is_key[n.pos] and n.v is null) then
                    raise exception 'logtriga: Unexpected NULL key value';
                end if;
                -- a literal would be compared with a row as a record of unknown columns, so it says its type
                select string_agg(quote_ident(v_names[n.pos]) || '=' || quote_literal(n.v) || coalesce(
                                      (select '::' || format_type(t.oid, null)
                                         from pg_catalog.pg_type t
                                        where t.oid = v_types[n.pos] and t.typtype = 'c'), ''),
                                  ' and ' order by n.pos)
                  into v_where
                  from unnest(v_values) with ordinality n (v, pos)
                 where v_is_key[n.pos];
                if v_where is null then
                    raise exception 'Update/Delete on table without pkey';
                end if;
                v_data := v_where;
                if op = 'U' then
                    select string_agg(quote_ident(v_names[n.pos]) || '=' || coalesce(quote_literal(n.v), 'NULL'), ','
                                      order by n.pos)
                      into v_data
                      from unnest(v_new) with ordinality n (v, pos)
                     where v_is_data[n.pos]
                       and n.v is distinct from v_old[n.pos];
                    if v_data is null then
                        -- a touch, of a column that an update may set
                        select quote_ident(v_names[n.pos]) || '=' || coalesce(quote_literal(n.v), 'NULL')
                          into v_data
                          from unnest(v_new) with ordinality n (v, pos)
                         where not v_is_fixed[n.pos]
                           and (v_is_key[n.pos] or v_is_data[n.pos])
                         order by not v_is_key[n.pos], n.pos
                         limit 1;
                        continue when v_data is null;
                    end if;
                    v_data := v_data || ' where ' || v_where;
                end if;
            end if;
            fields[2] := v_data;
            if i_backup and op = 'U' then
                fields[4] := pgq._url_row(v_names, v_is_data, v_old);
            end if;
        end if;

        if true = any (v_is_magic) then
            fields := pgq._trigger_magic(fields, i_relid, case when op = 'D' then i_old_row else i_row end);
        end if;
        return next;
    end loop;
end;
$$;

create or replace function pgq._url_row(i_names text[], i_is_data bool[], i_values text[])
returns text
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq._url_row(3)
--
--      A row as name=value pairs, urlencoded.
--
-- Parameters:
--      i_names     - columns
--      i_is_data   - which ones to take
--      i_values    - their values
--
-- Returns:
--      the text; null without any column
-- ----------------------------------------------------------------------
begin
    return (
        select string_agg(pgq._urlencode(i_names[n.pos]) || coalesce('=' || pgq._urlencode(n.v), ''), '&' order by n.pos)
          from unnest(i_values) with ordinality n (v, pos)
         where i_is_data[n.pos]);
end;
$$;

create or replace function pgq._check_key_update(i_relid oid)
returns void
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq._check_key_update(1)
--
--      Refuses an update of the key where row triggers cannot log it.
--
-- Parameters:
--      i_relid - the table
--
-- Errors:
--      primary key update not allowed
--
-- A statement may let rows exchange their keys where the key is deferrable. Row triggers log one row after the other,
-- so the new row with a key would come before the delete of the old one: a reader would delete the new one. Other keys
-- (argument pkey=) are not looked at.
-- ----------------------------------------------------------------------
begin
    if exists (
        select 1 from pg_index i where i.indrelid = i_relid and i.indisprimary and not i.indimmediate)
    then
        raise exception 'primary key update not allowed'
            using detail = format('table %s has a deferrable primary key, so rows may exchange their keys within a statement, '
                                  'which row triggers cannot log', i_relid::regclass),
                  hint = 'make the key not deferrable, or let londiste capture the table by statement where that is '
                         'possible (add-table --capture=statement), or delete and insert the rows';
    end if;
end;
$$;
