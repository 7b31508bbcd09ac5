create or replace function pgq_ext.get_last_tick(a_consumer text, a_subconsumer text)
returns int8
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq_ext.get_last_tick(2)
--
--      Tells which tick a reader stands at.
--
-- Parameters:
--      a_consumer    - reader
--      a_subconsumer - part of the reader that keeps a position of its own; '': none
--
-- Returns:
--      the tick; null when none is noted
-- ----------------------------------------------------------------------
declare
    v_tick int8;
begin
    select last_tick_id into v_tick
      from pgq_ext.completed_tick
     where consumer_id = a_consumer
       and subconsumer_id = a_subconsumer;
    return v_tick;
end;
$$;

create or replace function pgq_ext.get_last_tick(a_consumer text)
returns int8
language plpgsql as $$
-- ----------------------------------------------------------------------
-- Function: pgq_ext.get_last_tick(1)
--
--      As the other form, for a reader without parts.
--
-- Returns:
--      as the other form
-- ----------------------------------------------------------------------
begin
    return pgq_ext.get_last_tick(a_consumer, '');
end;
$$;
