create or replace function londiste_rs._change_sql(
    i_op text, i_relid oid, i_types text, i_row anyelement, i_old_row anyelement)
returns text
language plpgsql set search_path = pg_catalog, pg_temp set quote_all_identifiers = off
set datestyle = 'ISO' set intervalstyle = 'postgres' set extra_float_digits = '3' set bytea_output = 'hex'
set lc_monetary = 'C'
as $$
-- ----------------------------------------------------------------------
-- Function: londiste_rs._change_sql(5)
--
--      A row change as part of an SQL statement, for trigger logtriga().
--
-- Parameters:
--      i_op        - INSERT, UPDATE or DELETE
--      i_relid     - the table
--      i_types     - one letter per column: k key, v value, i ignored
--      i_row       - the new row; for DELETE the old one
--      i_old_row   - the old row; for INSERT the new one
--
-- Returns:
--      what follows "insert into t", "update t set" or "delete from t where"; null when there is nothing to play
--      back: an update that changed ignored columns only
--
-- Errors:
--      table <t> has <n> columns, but the column types "<types>" stand for <n>
--      unknown column type "<letter>"
--      <op> on table <t>: none of its columns is a key
--
-- Tables:
--      reads the catalogue each time, so every change of the table is noticed at once
--
-- Values are text in fixed styles, whatever the session's settings. Generated columns cannot be set, so they are
-- left out, except as keys.
-- ----------------------------------------------------------------------
declare
    v_table text := i_relid::regclass::text;
    v_names text[];
    v_casts text[];
    v_is_key bool[];
    v_is_set bool[];
    v_texts text;
    v_new text[];
    v_old text[];
    v_letter text;
    v_where text;
    v_data text;
begin
    -- a literal would be compared with a row as a record of unknown columns, so it says its type
    select array_agg(quote_ident(c.attname) order by c.pos),
           array_agg(case when c.typtype = 'c' then '::' || format_type(c.atttypid, null) else '' end order by c.pos),
           array_agg(c.letter = 'k' order by c.pos),
           array_agg(c.letter in ('k', 'v') and c.attgenerated = '' order by c.pos),
           string_agg(format('case when num_nulls(($1).%1$I) = 0 then format(''%%s'', ($1).%1$I) end', c.attname), ', '
                      order by c.pos)
      into v_names, v_casts, v_is_key, v_is_set, v_texts
      from (select a.attname, a.atttypid, a.attgenerated, t.typtype, n.pos, substr(i_types, n.pos, 1) as letter
              from pg_catalog.pg_attribute a
              join pg_catalog.pg_type t on t.oid = a.atttypid
              cross join lateral (
                  select count(*)::int4 as pos
                    from pg_catalog.pg_attribute b
                   where b.attrelid = a.attrelid and b.attnum between 1 and a.attnum and not b.attisdropped) n
             where a.attrelid = i_relid
               and a.attnum > 0
               and not a.attisdropped) c;
    if coalesce(cardinality(v_names), 0) <> length(i_types) then
        raise exception 'table % has % columns, but the column types "%" stand for %',
            v_table, coalesce(cardinality(v_names), 0), i_types, length(i_types)
            using errcode = 'invalid_parameter_value',
                  hint = 'the first argument of logtriga has one letter per column: k (key), v (value) or i (ignored)';
    end if;
    v_letter := substring(i_types, '[^kvi]');
    if v_letter is not null then
        raise exception 'unknown column type "%" in "%"', v_letter, i_types
            using errcode = 'invalid_parameter_value',
                  hint = 'the first argument of logtriga has one letter per column: k (key), v (value) or i (ignored)';
    end if;
    if i_op <> 'INSERT' and true <> all (v_is_key) then
        raise exception '% on table %: none of its columns is a key', i_op, v_table
            using errcode = 'invalid_parameter_value',
                  hint = format('mark the columns that identify a row with k in the first argument of logtriga, now "%s"', i_types);
    end if;

    execute 'select array[' || coalesce(v_texts, '') || ']::text[]' into v_new using i_row;
    if i_op = 'INSERT' then
        select '(' || string_agg(v_names[n.pos], ',' order by n.pos) || ') values ('
               || string_agg(coalesce(quote_literal(n.v), 'null'), ',' order by n.pos) || ')'
          into v_data
          from unnest(v_new) with ordinality n (v, pos)
         where v_is_set[n.pos];
        return coalesce(v_data, 'default values');
    end if;

    execute 'select array[' || v_texts || ']' into v_old using i_old_row;
    select string_agg(v_names[o.pos] || coalesce('=' || quote_literal(o.v) || v_casts[o.pos], ' is null'), ' and '
                      order by o.pos)
      into v_where
      from unnest(v_old) with ordinality o (v, pos)
     where v_is_key[o.pos];
    if i_op = 'DELETE' then
        return v_where;
    end if;

    select string_agg(v_names[n.pos] || '=' || coalesce(quote_literal(n.v), 'NULL'), ',' order by n.pos)
      into v_data
      from unnest(v_new) with ordinality n (v, pos)
     where v_is_set[n.pos]
       and n.v is distinct from v_old[n.pos];
    if v_data is null then
        if v_new is distinct from v_old then
            return null;
        end if;
        -- a touch
        select v_names[n.pos] || '=' || coalesce(quote_literal(n.v), 'NULL')
          into v_data
          from unnest(v_new) with ordinality n (v, pos)
         where v_is_set[n.pos]
         order by not v_is_key[n.pos], n.pos
         limit 1;
    end if;
    return v_data || ' where ' || v_where;
end;
$$;
