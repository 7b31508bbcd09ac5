create or replace function londiste_rs.insert_events(
    i_queue text, i_ids int8[], i_times text[], i_types text[], i_data text[],
    i_extra1 text[], i_extra2 text[], i_extra3 text[], i_extra4 text[])
returns int8
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: londiste_rs.insert_events(9)
--
--      Puts many events that were made elsewhere into a queue: what the worker of a branch does by COPY where its role
--      may write to event tables.
--
-- Parameters:
--      i_queue                 - queue
--      i_ids                   - ids; null: the queue gives new ones
--      i_times                 - times
--      i_types, i_data         - what happened
--      i_extra1 .. i_extra4    - the other fields
--
-- Returns:
--      number of events
--
-- Errors:
--      those of pgq.current_event_table
-- ----------------------------------------------------------------------
declare
    v_table text := pgq.current_event_table(i_queue);
    v_at int4 := strpos(v_table, '.');
    v_count int8;
begin
    execute format(
        'insert into %I.%I (' || case when i_ids is null then '' else 'ev_id, ' end
        || 'ev_time, ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4)
            select ' || case when i_ids is null then '' else 'e.id, ' end
        || 'e.time::timestamptz, e.type, e.data, e.extra1, e.extra2, e.extra3, e.extra4
              from unnest($1, $2, $3, $4, $5, $6, $7, $8) with ordinality
                   as e (id, time, type, data, extra1, extra2, extra3, extra4, nr)
             order by e.nr',
        substr(v_table, 1, v_at - 1), substr(v_table, v_at + 1))
    using coalesce(i_ids, array[]::int8[]), i_times, i_types, i_data, i_extra1, i_extra2, i_extra3, i_extra4;
    get diagnostics v_count = row_count;
    return v_count;
end;
$$;
