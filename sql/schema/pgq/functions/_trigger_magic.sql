create or replace function pgq._trigger_magic(i_fields text[], i_table oid, i_row text)
returns text[]
language plpgsql set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq._trigger_magic(3)
--
--      Replaces fields of an event by the values of the columns _pgq_ev_type, _pgq_ev_data, _pgq_ev_extra1 .. 4.
--
-- Parameters:
--      i_fields    - ev_type, ev_data, ev_extra1 .. ev_extra4
--      i_table     - table that has such columns
--      i_row       - text of the row
--
-- Returns:
--      the fields; a null value makes the field null
--
-- Errors:
--      Unknown magic column: <name>
-- ----------------------------------------------------------------------
declare
    v_values text[] := pgq._row_values(i_row);
    v_fields text[] := i_fields;
    v_field int4;
    c record;
begin
    for c in
        select m.name, m.pos
          from (select a.attname::text as name, row_number() over (order by a.attnum)::int4 as pos
                  from pg_catalog.pg_attribute a
                 where a.attrelid = i_table
                   and a.attnum > 0
                   and not a.attisdropped) m
         where starts_with(m.name, '_pgq_ev_')
         order by m.pos
    loop
        v_field := array_position(array['_pgq_ev_type', '_pgq_ev_data', '_pgq_ev_extra1', '_pgq_ev_extra2',
                                        '_pgq_ev_extra3', '_pgq_ev_extra4'], c.name);
        if v_field is null then
            raise exception 'Unknown magic column: %', c.name;
        end if;
        v_fields[v_field] := v_values[c.pos];
    end loop;
    return v_fields;
end;
$$;
