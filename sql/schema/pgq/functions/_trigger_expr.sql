create or replace function pgq._trigger_expr(i_row anyelement, i_exprs text[])
returns text[]
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set datestyle = 'ISO' set intervalstyle = 'postgres' set extra_float_digits = '3' set bytea_output = 'hex'
as $$
-- ----------------------------------------------------------------------
-- Function: pgq._trigger_expr(2)
--
--      Evaluates expression arguments of a queue trigger over a row.
--
--      The function belongs to role pgq_writer where that role exists (see finish.sql), so expressions run with
--      that role's rights: whoever creates a trigger has to be a member of it. Where it does not exist or has no
--      rights here, nobody but the owner of the schema can create triggers. Expressions cannot run with the rights of whoever changes the
--      row, because the trigger functions have definer's rights, so that those who change rows need no rights on
--      the queue. Members of pgq_writer may alter this function, so it looks first whom it runs as, with names and
--      operators that no setting can redirect.
--
-- Parameters:
--      i_row   - row; its columns can be used by name
--      i_exprs - SQL expressions for ev_type, ev_data, ev_extra1 .. ev_extra4, and when; null: none.
--                Functions and tables are looked for in pg_catalog, and in public unless everybody may create
--                objects there; others must be named with their schema. A column whose name needs quotes, being in
--                mixed case or a key word, may be written without them, exactly as it is.
--
-- Returns:
--      values as text; true or false for the last one, true when it is missing
--
-- Errors:
--      when= query result must be boolean, got=<oid>
--      when= should not be NULL
--      function pgq._trigger_expr must be owned by pgq_writer and have definer's rights
-- ----------------------------------------------------------------------
declare
    v_values pg_catalog.text[];
    v_nulls integer;
    v_value pg_catalog.text;
    v_type pg_catalog.regtype;
    v_names pg_catalog.text[];
    v_name pg_catalog.text;
    v_expr pg_catalog.text;
    i integer;
begin
    if current_user operator(pg_catalog.<>) 'pgq_writer'
        and exists (
            select 1
              from pg_catalog.pg_roles r, pg_catalog.pg_proc p, pg_catalog.pg_namespace n
             where r.rolname operator(pg_catalog.=) 'pgq_writer'
               and n.nspname operator(pg_catalog.=) 'pgq'
               and p.pronamespace operator(pg_catalog.=) n.oid
               and p.proname operator(pg_catalog.=) any (array['logutriga', 'jsontriga', 'sqltriga']::pg_catalog.name[])
               and pg_catalog.has_function_privilege(r.oid, p.oid, 'execute'))
    then
        raise exception 'function pgq._trigger_expr must be owned by pgq_writer and have definer''s rights'
            using hint = 'install schema pgq again as a superuser';
    end if;

    if exists (select 1 from pg_catalog.pg_namespace where nspname = 'public')
        and not has_schema_privilege('public', 'public', 'create')
    then
        perform set_config('search_path', 'pg_catalog, public, pg_temp', true);
    end if;

    select array_agg(a.attname)
      into v_names
      from pg_catalog.pg_type t
      join pg_catalog.pg_attribute a on a.attrelid = t.typrelid
     where t.oid = pg_typeof(i_row)
       and a.attnum > 0
       and not a.attisdropped
       and quote_ident(a.attname) <> a.attname
       and a.attname ~ '^[A-Za-z_][A-Za-z0-9_]*$';

    for i in 1 .. 7 loop
        v_value := null;
        v_expr := i_exprs[i];
        if v_expr is not null then
            if v_names is not null then
                -- outside of literals and quoted names
                foreach v_name in array v_names loop
                    select string_agg(
                               case when m.part[1] ~ '^[''"]' then m.part[1]
                                    else regexp_replace(
                                        m.part[1], '(^|[^A-Za-z0-9_$.])' || v_name || '(?![A-Za-z0-9_$.(])',
                                        E'\\1' || quote_ident(v_name), 'g')
                               end, '' order by m.pos)
                      into v_expr
                      from regexp_matches(v_expr, '(''(?:[^'']|'''')*''|"(?:[^"]|"")*"|[^''"]+)', 'g')
                           with ordinality m (part, pos);
                end loop;
            end if;
            execute 'select num_nulls(_v.v), format(''%s'', _v.v), pg_typeof(_v.v)'
                ' from (select (' || v_expr || E'\n) as v from (select ($1).*) as _row) as _v'
               into v_nulls, v_value, v_type
              using i_row;
            if v_nulls = 1 then
                v_value := null;
            end if;
            if i = 7 then
                if v_type <> 'boolean'::regtype then
                    raise exception 'when= query result must be boolean, got=%', v_type::oid;
                elsif v_value is null then
                    raise exception 'when= should not be NULL';
                end if;
            end if;
        elsif i = 7 then
            v_value := 't';
        end if;
        v_values[i] := v_value;
    end loop;
    return v_values;
end;
$$;
