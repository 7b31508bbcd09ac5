create or replace function pgq.find_tick_helper(
    i_queue_id int4, i_prev_tick_id int8, i_prev_tick_time timestamptz, i_prev_tick_seq int8,
    i_min_count int8, i_min_interval interval,
    out next_tick_id int8, out next_tick_time timestamptz, out next_tick_seq int8)
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq.find_tick_helper(6)
--
--      Finds the tick that ends a batch which should have a least size.
--
-- Parameters:
--      i_queue_id              - queue
--      i_prev_tick_*           - id, time and event sequence value of the tick before the batch
--      i_min_count             - least number of events; null: no limit
--      i_min_interval          - least time span; null: no limit. Of both one suffices.
--
-- Returns:
--      the newest tick when a limit is reached and none is passed more than twice over; else the first tick that
--      reaches one; nulls when there is none
--
-- Tables:
--      reads pgq.tick
-- ----------------------------------------------------------------------
declare
    v_enough bool := false;
    v_too_far bool := false;
begin
    select t.tick_id, t.tick_time, t.tick_event_seq
      into next_tick_id, next_tick_time, next_tick_seq
      from pgq.tick t
     where t.tick_queue = i_queue_id
       and t.tick_id > i_prev_tick_id
     order by t.tick_queue desc, t.tick_id desc
     limit 1;
    if not found then
        return;
    end if;

    if i_min_count is not null and next_tick_seq - i_prev_tick_seq >= i_min_count then
        v_enough := true;
        v_too_far := next_tick_seq - i_prev_tick_seq > i_min_count * 2;
    end if;
    if i_min_interval is not null and next_tick_time - i_prev_tick_time >= i_min_interval then
        v_enough := true;
        v_too_far := v_too_far or next_tick_time - i_prev_tick_time > i_min_interval * 2;
    end if;

    if v_too_far then
        select t.tick_id, t.tick_time, t.tick_event_seq
          into next_tick_id, next_tick_time, next_tick_seq
          from pgq.tick t
         where t.tick_queue = i_queue_id
           and t.tick_id > i_prev_tick_id
           and (t.tick_event_seq - i_prev_tick_seq >= i_min_count or t.tick_time - i_prev_tick_time >= i_min_interval)
         order by t.tick_queue, t.tick_id
         limit 1;
    elsif not v_enough then
        next_tick_id := null;
        next_tick_time := null;
        next_tick_seq := null;
    end if;
end;
$$;
