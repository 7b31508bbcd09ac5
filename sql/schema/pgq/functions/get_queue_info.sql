create or replace function pgq.get_queue_info(
    i_queue_name text,
    out queue_name text, out queue_ntables int4, out queue_cur_table int4, out queue_rotation_period interval,
    out queue_switch_time timestamptz, out queue_external_ticker bool, out queue_ticker_paused bool,
    out queue_ticker_max_count int4, out queue_ticker_max_lag interval, out queue_ticker_idle_period interval,
    out ticker_lag interval, out ev_per_sec float8, out ev_new int8, out last_tick_id int8)
returns setof record
language plpgsql set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq.get_queue_info(1)
--
--      Settings and state of queues.
--
-- Parameters:
--      i_queue_name    - queue; null: all
--
-- Returns:
--      queue_*     - as in pgq.queue
--      ticker_lag  - time since the newest tick
--      ev_per_sec  - events per second over the last (about twenty) ticks; null when that cannot be told
--      ev_new      - ids given out since the newest tick
--      last_tick_id    - newest tick
--
-- Tables:
--      reads pgq.queue, tick and the event sequences
-- ----------------------------------------------------------------------
declare
    q record;
    v_top record;
    v_old record;
begin
    for q in
        select * from pgq.queue p where i_queue_name is null or p.queue_name = i_queue_name order by p.queue_name
    loop
        select t.tick_id, t.tick_time, t.tick_event_seq
          into v_top
          from pgq.tick t
         where t.tick_queue = q.queue_id
         order by t.tick_queue desc, t.tick_id desc
         limit 1;
        select t.tick_time, t.tick_event_seq
          into v_old
          from pgq.tick t
         where t.tick_queue = q.queue_id
           and t.tick_id >= v_top.tick_id - 20
         order by t.tick_queue, t.tick_id
         limit 1;

        queue_name := q.queue_name;
        queue_ntables := q.queue_ntables;
        queue_cur_table := q.queue_cur_table;
        queue_rotation_period := q.queue_rotation_period;
        queue_switch_time := q.queue_switch_time;
        queue_external_ticker := q.queue_external_ticker;
        queue_ticker_paused := q.queue_ticker_paused;
        queue_ticker_max_count := q.queue_ticker_max_count;
        queue_ticker_max_lag := q.queue_ticker_max_lag;
        queue_ticker_idle_period := q.queue_ticker_idle_period;
        ticker_lag := current_timestamp - v_top.tick_time;
        ev_per_sec := case when v_old.tick_time < v_top.tick_time
                           then (v_top.tick_event_seq - v_old.tick_event_seq)
                                / extract(epoch from v_top.tick_time - v_old.tick_time)
                      end;
        ev_new := pgq._event_seq_pos(q.queue_event_seq) - v_top.tick_event_seq;
        last_tick_id := v_top.tick_id;
        return next;
    end loop;
end;
$$;

create or replace function pgq.get_queue_info(
    out queue_name text, out queue_ntables int4, out queue_cur_table int4, out queue_rotation_period interval,
    out queue_switch_time timestamptz, out queue_external_ticker bool, out queue_ticker_paused bool,
    out queue_ticker_max_count int4, out queue_ticker_max_lag interval, out queue_ticker_idle_period interval,
    out ticker_lag interval, out ev_per_sec float8, out ev_new int8, out last_tick_id int8)
returns setof record
language plpgsql set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq.get_queue_info(0)
--
--      Settings and state of all queues. See pgq.get_queue_info(1).
-- ----------------------------------------------------------------------
begin
    return query select * from pgq.get_queue_info(null);
end;
$$;
