create or replace function pgq.seq_setval(i_seq_name text, i_new_value int8)
returns int8
language plpgsql strict set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq.seq_setval(2)
--
--      Moves a sequence forward; never back.
--
-- Parameters:
--      i_seq_name  - sequence, schema dot name, unquoted
--      i_new_value - value that the sequence should have given out at least
--
-- Returns:
--      last_value of the sequence afterwards
-- ----------------------------------------------------------------------
declare
    v_name text := pgq.quote_fqname(i_seq_name);
    v_last int8;
begin
    execute 'select last_value from ' || v_name into v_last;
    if i_new_value > v_last then
        perform pg_catalog.setval(v_name::regclass, i_new_value);
        v_last := i_new_value;
    end if;
    return v_last;
end;
$$;
