create or replace function pgq.batch_event_tables(x_batch_id int8)
returns setof text
language plpgsql set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq.batch_event_tables(1)
--
--      The event tables that may hold events of a batch: one or two, in order of time.
--
-- Parameters:
--      x_batch_id  - open batch
--
-- Returns:
--      schema dot table, unquoted
--
-- Errors:
--      Cannot find data for batch <n>
--
-- Tables:
--      reads pgq.subscription, tick, queue
-- ----------------------------------------------------------------------
declare
    v_pfx text;
    v_cur int4;
    v_prev int4;
    v_step1 int8;
    v_step2 int8;
    v_lo int8;
    v_hi int8;
begin
    select q.queue_data_pfx, q.queue_cur_table,
           (q.queue_cur_table + q.queue_ntables - 1) % q.queue_ntables,
           q.queue_switch_step1, q.queue_switch_step2,
           txid_snapshot_xmin(t1.tick_snapshot), txid_snapshot_xmax(t2.tick_snapshot)
      into v_pfx, v_cur, v_prev, v_step1, v_step2, v_lo, v_hi
      from pgq.subscription s
      join pgq.queue q on q.queue_id = s.sub_queue
      join pgq.tick t1 on t1.tick_queue = s.sub_queue and t1.tick_id = s.sub_last_tick
      join pgq.tick t2 on t2.tick_queue = s.sub_queue and t2.tick_id = s.sub_next_tick
     where s.sub_batch = x_batch_id;
    if not found then
        raise exception 'Cannot find data for batch %', x_batch_id;
    end if;

    if v_hi < v_step1 then
        -- everything had ended before the switch began
        return next v_pfx || '_' || v_prev::text;
    elsif v_step2 is not null and v_lo > v_step2 then
        -- everything began after the switch could be seen by everybody
        return next v_pfx || '_' || v_cur::text;
    else
        return next v_pfx || '_' || v_prev::text;
        return next v_pfx || '_' || v_cur::text;
    end if;
end;
$$;
