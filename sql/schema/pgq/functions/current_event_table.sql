create or replace function pgq.current_event_table(x_queue_name text)
returns text
language plpgsql set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq.current_event_table(1)
--
--      The event table that the current transaction may insert into, for producers that use COPY.
--
-- Parameters:
--      x_queue_name    - queue
--
-- Returns:
--      schema dot table, unquoted; valid in this transaction only
--
-- Errors:
--      Event queue not found
--      Writing to queue disabled
-- ----------------------------------------------------------------------
declare
    v_table text;
    v_closed bool;
begin
    -- the transaction gets its id before the number of the table is read: rotation relies on that order
    perform pg_catalog.txid_current();

    select queue_data_pfx || '_' || queue_cur_table::text, queue_disable_insert
      into v_table, v_closed
      from pgq.queue
     where queue_name = x_queue_name;
    if not found then
        raise exception 'Event queue not found';
    end if;
    if v_closed then
        if not pgq._may_replay() then
            raise exception 'Writing to queue disabled';
        end if;
    end if;
    return v_table;
end;
$$;
