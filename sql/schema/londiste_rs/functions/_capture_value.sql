create or replace function londiste_rs._capture_value(i_ref text, i_type oid)
returns text
language plpgsql stable strict set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: londiste_rs._capture_value(2)
--
--      SQL that encodes the value of a column for an event, as pgq.logutriga() does.
--
-- Parameters:
--      i_ref   - quoted reference to the column
--      i_type  - its type
--
-- Returns:
--      an expression: "=" and the encoded text of the value, null for null; every name in it is qualified
--
-- What a type can print decides how much has to be looked at: digits need nothing, times have few special
-- characters, texts may have any. Values of built-in types become text by casts, which only a superuser could make
-- something else; all others by pg_catalog.concat(), since the owner of a type may define casts.
-- ----------------------------------------------------------------------
declare
    v_type oid := londiste_rs._capture_base_type(i_type);
    v_cast text := i_ref || '::pg_catalog.text';
    v_text text := 'pg_catalog.concat(' || i_ref || ')';
    v_plain text;
    v_value text;
begin
    if i_type in ('text'::regtype, 'varchar'::regtype) then
        v_plain := '(' || i_ref || ' collate pg_catalog."C")';
    elsif i_type in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'oid'::regtype, 'uuid'::regtype, 'numeric'::regtype)
    then
        v_value := v_cast;
    elsif i_type in ('float4'::regtype, 'float8'::regtype) then
        v_value := 'pg_catalog.replace(' || v_cast || ', ''+'', ''%2b'')';
    elsif i_type = 'date'::regtype then
        v_value := 'pg_catalog.replace(' || v_cast || ', '' '', ''+'')';
    elsif i_type in ('timestamp'::regtype, 'time'::regtype) then
        v_value := 'pg_catalog.replace(pg_catalog.replace(' || v_cast || ', '' '', ''+''), '':'', ''%3a'')';
    elsif i_type in ('timestamptz'::regtype, 'timetz'::regtype, 'interval'::regtype) then
        v_value := 'pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(' || v_cast
            || ', ''+'', ''%2b''), '' '', ''+''), '':'', ''%3a'')';
    elsif v_type in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'oid'::regtype, 'bool'::regtype,
                     'uuid'::regtype, 'numeric'::regtype)
    then
        v_value := v_text;
    elsif v_type = 'bytea'::regtype then
        v_value := 'pg_catalog.concat(''%5cx'', pg_catalog.encode(' || i_ref || ', ''hex''))';
    else
        -- domains are left to concat: what a domain's value becomes as an operand depends on its base type alone
        v_plain := '(' || v_text || ' collate pg_catalog."C")';
    end if;
    if v_plain is not null then
        v_value := 'case when ' || v_plain || ' operator(pg_catalog.!~) ''[^A-Za-z0-9_. -]'''
            || ' then pg_catalog.replace(' || v_plain || ', '' '', ''+'')'
            || ' else londiste_rs._encode(' || v_plain || ') end';
    end if;

    if strpos(v_value, 'pg_catalog.concat(') = 0 then
        return '''='' operator(pg_catalog.||) (' || v_value || ')';
    end if;
    -- the text of null is empty
    return format('case when %s then pg_catalog.concat(''='', %s) end',
        -- "is not null" of a composite value looks at its fields
        case when (select b.typtype = 'c' or b.oid = 'record'::regtype from pg_type b where b.oid = v_type)
             then format('pg_catalog.num_nulls(%s) operator(pg_catalog.=) 0', i_ref)
             else i_ref || ' is not null'
        end, v_value);
end;
$$;

create or replace function londiste_rs._capture_data(i_table oid, i_row text)
returns text
language plpgsql stable strict set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: londiste_rs._capture_data(2)
--
--      SQL that makes ev_data of a row, as pgq.logutriga() does.
--
-- Parameters:
--      i_table - table
--      i_row   - how the row is called in that SQL
--
-- Returns:
--      an expression of type text; every name in it is qualified
-- ----------------------------------------------------------------------
begin
    return coalesce((
        select string_agg(g.part, ' operator(pg_catalog.||) ' order by g.grp)
          from (select c.grp, 'pg_catalog.concat(' || string_agg(c.part, ', ' order by c.pos) || ')' as part
                  from (select a.pos, a.pos / 40 as grp,
                               format('%L, %s', case when a.pos > 0 then '&' else '' end || londiste_rs._encode(a.name),
                                      londiste_rs._capture_value(i_row || '.' || quote_ident(a.name), a.type)) as part
                          from (select a.attname::text as name, a.atttypid as type,
                                       row_number() over (order by a.attnum) - 1 as pos
                                  from pg_attribute a
                                 where a.attrelid = i_table and a.attnum > 0 and not a.attisdropped
                                   and a.attgenerated = '') a) c
                 group by c.grp) g), '''''');
end;
$$;

create or replace function londiste_rs._capture_base_type(i_type oid)
returns oid
language plpgsql stable strict set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: londiste_rs._capture_base_type(1)
--
--      The type below a domain, through all its levels; other types as they are.
-- ----------------------------------------------------------------------
declare
    v_type oid := i_type;
    v_base oid;
begin
    loop
        select t.typbasetype into v_base from pg_type t where t.oid = v_type and t.typtype = 'd';
        exit when not found;
        v_type := v_base;
    end loop;
    return v_type;
end;
$$;
