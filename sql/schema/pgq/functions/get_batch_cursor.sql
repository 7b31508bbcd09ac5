create or replace function pgq.get_batch_cursor(
    i_batch_id int8, i_cursor_name text, i_quick_limit int4, i_extra_where text,
    out ev_id int8, out ev_time timestamptz, out ev_txid int8, out ev_retry int4, out ev_type text, out ev_data text,
    out ev_extra1 text, out ev_extra2 text, out ev_extra3 text, out ev_extra4 text)
returns setof record
language plpgsql as $$
-- ----------------------------------------------------------------------
-- Function: pgq.get_batch_cursor(4)
--
--      Opens a cursor over the events of a batch and returns the first of them; the reader goes on with FETCH.
--
-- Parameters:
--      i_batch_id      - open batch
--      i_cursor_name   - name of the cursor, unquoted
--      i_quick_limit   - how many events to return at once; 0 or less: none
--      i_extra_where   - SQL condition on the ten columns, pasted as it is; null: all events
--
-- Returns:
--      the first events by id; nothing, and no cursor, when one of the first three parameters is null
--
-- Errors:
--      batch not found
-- ----------------------------------------------------------------------
declare
    -- types with their schema: compiled under one search_path, a function is used under every other one
    v_cursor pg_catalog.refcursor;
    v_sql pg_catalog.text;
    i integer;
begin
    if i_batch_id is null or i_cursor_name is null or i_quick_limit is null then
        return;
    end if;

    v_sql := pgq.batch_event_sql(i_batch_id);
    if i_extra_where is not null then
        v_sql := 'select ev_id, ev_time, ev_txid, ev_retry, ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4'
            || ' from (' || regexp_replace(v_sql, ' order by 1$', '') || ') ev where ' || i_extra_where || ' order by 1';
    end if;

    v_cursor := i_cursor_name;
    open v_cursor no scroll for execute v_sql;
    for i in 1 .. i_quick_limit loop
        fetch v_cursor into ev_id, ev_time, ev_txid, ev_retry, ev_type, ev_data,
                            ev_extra1, ev_extra2, ev_extra3, ev_extra4;
        exit when not found;
        return next;
    end loop;
end;
$$;

create or replace function pgq.get_batch_cursor(
    i_batch_id int8, i_cursor_name text, i_quick_limit int4,
    out ev_id int8, out ev_time timestamptz, out ev_txid int8, out ev_retry int4, out ev_type text, out ev_data text,
    out ev_extra1 text, out ev_extra2 text, out ev_extra3 text, out ev_extra4 text)
returns setof record
language plpgsql strict as $$
-- ----------------------------------------------------------------------
-- Function: pgq.get_batch_cursor(3)
--
--      Opens a cursor over all events of a batch. See pgq.get_batch_cursor(4).
-- ----------------------------------------------------------------------
begin
    return query
        select e.ev_id, e.ev_time, e.ev_txid, e.ev_retry, e.ev_type, e.ev_data,
               e.ev_extra1, e.ev_extra2, e.ev_extra3, e.ev_extra4
          from pgq.get_batch_cursor(i_batch_id, i_cursor_name, i_quick_limit, null) e;
end;
$$;
