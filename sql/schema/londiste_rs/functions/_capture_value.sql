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
--      an expression of which pg_catalog.concat() makes the encoded text; every name in it is qualified
--
-- What a type can print decides how much has to be looked at: digits need nothing, times have few special
-- characters, texts may have any.
-- ----------------------------------------------------------------------
declare
    v_type oid := londiste_rs._capture_base_type(i_type);
    v_text text := 'pg_catalog.concat(' || i_ref || ')';
    v_plain text;
begin
    if v_type in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'oid'::regtype, 'bool'::regtype,
                  'uuid'::regtype, 'numeric'::regtype)
    then
        return i_ref;
    elsif v_type in ('float4'::regtype, 'float8'::regtype) then
        return 'pg_catalog.replace(' || v_text || ', ''+'', ''%2b'')';
    elsif v_type = 'date'::regtype then
        return 'pg_catalog.replace(' || v_text || ', '' '', ''+'')';
    elsif v_type in ('timestamp'::regtype, 'time'::regtype) then
        return 'pg_catalog.replace(pg_catalog.replace(' || v_text || ', '' '', ''+''), '':'', ''%3a'')';
    elsif v_type in ('timestamptz'::regtype, 'timetz'::regtype, 'interval'::regtype) then
        return 'pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(' || v_text
            || ', ''+'', ''%2b''), '' '', ''+''), '':'', ''%3a'')';
    elsif v_type = 'bytea'::regtype then
        return 'pg_catalog.concat(case when ' || i_ref || ' is not null then ''%5cx'' end, pg_catalog.encode('
            || i_ref || ', ''hex''))';
    end if;
    -- domains are left to concat: what a domain's value becomes as an operand depends on its base type alone
    v_plain := '(' || case when i_type in ('text'::regtype, 'varchar'::regtype) then i_ref else v_text end
        || ' collate pg_catalog."C")';
    return 'case when ' || v_plain || ' operator(pg_catalog.!~) ''[^A-Za-z0-9_. -]'''
        || ' then pg_catalog.replace(' || v_plain || ', '' '', ''+'')'
        || ' else londiste_rs._encode(' || v_plain || ') end';
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
