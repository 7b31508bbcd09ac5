create or replace function pgq.seq_getval(i_seq_name text)
returns int8
language plpgsql strict set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq.seq_getval(1)
--
--      Reads a sequence without advancing it.
--
-- Parameters:
--      i_seq_name  - sequence, schema dot name, unquoted
--
-- Returns:
--      last_value of the sequence (1 for an unused one)
-- ----------------------------------------------------------------------
declare
    v_last int8;
begin
    execute 'select last_value from ' || pgq.quote_fqname(i_seq_name) into v_last;
    return v_last;
end;
$$;
