create or replace function pgq.set_queue_config(x_queue_name text, x_param_name text, x_param_value text)
returns int4
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq.set_queue_config(3)
--
--      Changes one setting of a queue.
--
-- Parameters:
--      x_queue_name    - queue
--      x_param_name    - ticker_max_count, ticker_max_lag, ticker_idle_period, ticker_paused, rotation_period,
--                        external_ticker, per_tx_limit, disable_insert, extra_maint
--      x_param_value   - value as text; null where the setting may be null: rotation_period (the queue is not
--                        rotated), per_tx_limit (no limit), extra_maint (none)
--
-- Returns:
--      1
--
-- Errors:
--      Invalid NULL value
--      No such event queue
--      cannot change parameter "<name>"
--
-- Tables:
--      updates pgq.queue
--
-- Ancestor: knows only the first six, a rotation period is never null, and its refusal puts an s after the name.
-- ----------------------------------------------------------------------
declare
    v_cast text;
begin
    if x_queue_name is null or x_param_name is null then
        raise exception 'Invalid NULL value';
    end if;

    perform 1 from pgq.queue where queue_name = x_queue_name;
    if not found then
        raise exception 'No such event queue';
    end if;

    v_cast := case x_param_name
        when 'ticker_max_count' then 'int4'
        when 'ticker_max_lag' then 'interval'
        when 'ticker_idle_period' then 'interval'
        when 'ticker_paused' then 'bool'
        when 'rotation_period' then 'interval'
        when 'external_ticker' then 'bool'
        when 'per_tx_limit' then 'int4'
        when 'disable_insert' then 'bool'
        when 'extra_maint' then 'text[]'
    end;
    if v_cast is null then
        raise exception 'cannot change parameter "%"', x_param_name;
    end if;

    execute format('update pgq.queue set %I = $1::%s where queue_name = $2', 'queue_' || x_param_name, v_cast)
      using x_param_value, x_queue_name;
    return 1;
end;
$$;
