create or replace function pgq._event_seq_pos(i_seq_name text)
returns int8
language plpgsql set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq._event_seq_pos(1)
--
--      How many ids a sequence that starts at 1 has given out: 0 for an unused one, where pgq.seq_getval()
--      says 1 both before and after the first id.
--
-- Parameters:
--      i_seq_name  - sequence, schema dot name, unquoted
--
-- Returns:
--      last id given out, or 0
--
-- Ancestor: it ticks by seq_getval(), so the first event of a queue waits for an idle tick.
-- ----------------------------------------------------------------------
declare
    v_pos int8;
begin
    execute 'select last_value - (not is_called)::int4 from ' || pgq.quote_fqname(i_seq_name) into v_pos;
    return v_pos;
end;
$$;
