create or replace function pgq.insert_event(queue_name text, ev_type text, ev_data text)
returns int8
language plpgsql as $$
-- ----------------------------------------------------------------------
-- Function: pgq.insert_event(3)
--
--      Puts an event into a queue. See pgq.insert_event(7).
-- ----------------------------------------------------------------------
begin
    return pgq.insert_event(queue_name, ev_type, ev_data, null, null, null, null);
end;
$$;

create or replace function pgq.insert_event(
    queue_name text, ev_type text, ev_data text,
    ev_extra1 text, ev_extra2 text, ev_extra3 text, ev_extra4 text)
returns int8
language plpgsql security definer as $$
-- ----------------------------------------------------------------------
-- Function: pgq.insert_event(7)
--
--      Puts an event into a queue. Its time is the start of the transaction.
--
-- Parameters:
--      queue_name              - queue
--      ev_type, ev_data        - what happened
--      ev_extra1 .. ev_extra4  - whatever the readers agreed upon
--
-- Returns:
--      id of the event
--
-- Errors:
--      those of pgq.insert_event_raw()
--
-- Definer's rights without a search_path of its own, for speed: every name here is qualified.
-- ----------------------------------------------------------------------
begin
    return pgq.insert_event_raw(queue_name, null, pg_catalog.now(), null, null,
                                ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4);
end;
$$;
