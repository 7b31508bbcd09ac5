create or replace function pgq.ticker(i_queue_name text, i_tick_id int8, i_orig_timestamp timestamptz, i_event_seq int8)
returns int8
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq.ticker(4)
--
--      Stores a tick that was made elsewhere, with a snapshot of this database.
--
-- Parameters:
--      i_queue_name        - queue with external ticker
--      i_tick_id           - id of the tick
--      i_orig_timestamp    - its time
--      i_event_seq         - value of the event sequence there
--
-- Returns:
--      the id
--
-- Errors:
--      queue not found or ticker disabled: <queue>
--      Invalid PgQ state: ...      (transaction ids went back: restored on another server)
--
-- Tables:
--      inserts into pgq.tick; moves both sequences of the queue forward to the given values
-- ----------------------------------------------------------------------
declare
    q record;
    v_stored int8;
    v_now int8;
begin
    select queue_id, queue_tick_seq, queue_event_seq
      into q
      from pgq.queue
     where queue_name = i_queue_name
       and queue_external_ticker
       and not queue_ticker_paused;
    if not found then
        raise exception 'queue not found or ticker disabled: %', i_queue_name;
    end if;

    select txid_snapshot_xmax(t.tick_snapshot)
      into v_stored
      from pgq.tick t
     where t.tick_queue = q.queue_id
     order by t.tick_queue desc, t.tick_id desc
     limit 1;
    v_now := txid_snapshot_xmax(txid_current_snapshot());
    if v_now < v_stored then
        perform pgq._foreign_txids(i_queue_name, format('Invalid PgQ state: old xmax=%s, cur txid=%s', v_stored, v_now));
    end if;

    insert into pgq.tick (tick_queue, tick_id, tick_time, tick_event_seq)
    values (q.queue_id, i_tick_id, i_orig_timestamp, i_event_seq);

    perform pgq.seq_setval(q.queue_tick_seq, i_tick_id);
    perform pgq.seq_setval(q.queue_event_seq, i_event_seq);
    return i_tick_id;
end;
$$;

create or replace function pgq.ticker(i_queue_name text)
returns int8
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq.ticker(1)
--
--      Makes a tick when it is time for one: when there are enough new events, or the last tick is old enough.
--      Without new events the gaps between ticks double, up to the idle period.
--
-- Parameters:
--      i_queue_name    - queue
--
-- Returns:
--      id of the new tick; null when none was needed
--
-- Errors:
--      no such queue
--      This queue has external tick source.
--      Ticker has been paused for this queue
--      Invalid PgQ state: ...      (transaction ids went back: restored on another server)
--
-- Tables:
--      reads pgq.queue; inserts into pgq.tick
--
-- Locks:
--      the queue's row, for no key update, when a tick is made, in a statement of its own: the snapshot of the
--      inserting statement is taken afterwards, so several tickers at once store their snapshots in the order of
--      the ids. That needs READ COMMITTED; under other isolation levels a tick that might be out of order is
--      refused. A call that makes no tick takes no lock and no transaction id.
--
-- Ancestor: ticks, with a warning, while the server is between xmin and xmax of the newest tick.
-- ----------------------------------------------------------------------
declare
    q record;
    v_last record;
    v_gap interval;
    v_lag interval;
    v_seq int8;
    v_new int8;
    v_now int8;
    v_tick int8;
    v_locked bool := false;
    v_found bool;
begin
    select queue_id, queue_external_ticker, queue_ticker_paused, queue_tick_seq, queue_event_seq,
           queue_ticker_max_count, queue_ticker_max_lag, queue_ticker_idle_period
      into q
      from pgq.queue
     where queue_name = i_queue_name;
    if not found then
        raise exception 'no such queue';
    end if;
    if q.queue_external_ticker then
        raise exception 'This queue has external tick source.';
    end if;
    if q.queue_ticker_paused then
        raise exception 'Ticker has been paused for this queue';
    end if;

    loop
        -- the last tick first: another ticker may tick in between, and its value must not be above the one read here
        select tick_id, tick_time, tick_snapshot, tick_event_seq
          into v_last
          from pgq.tick
         where tick_queue = q.queue_id
         order by tick_queue desc, tick_id desc
         limit 1;
        v_found := found;
        v_seq := pgq._event_seq_pos(q.queue_event_seq);
        if v_found then
            v_lag := now() - v_last.tick_time;
            v_new := v_seq - v_last.tick_event_seq;

            v_now := txid_snapshot_xmax(txid_current_snapshot());
            if v_now < txid_snapshot_xmax(v_last.tick_snapshot) then
                -- a tick made now would hide what is written until the server has counted as far
                perform pgq._foreign_txids(i_queue_name, format('Invalid PgQ state: old xmin=%s, old xmax=%s, cur txid=%s',
                    txid_snapshot_xmin(v_last.tick_snapshot), txid_snapshot_xmax(v_last.tick_snapshot), v_now));
            end if;
            if v_new < 0 then
                raise warning 'Negative new_events?  old=% cur=%', v_last.tick_event_seq, v_seq;
            end if;

            if v_new > 0 then
                if v_new < q.queue_ticker_max_count and v_lag < q.queue_ticker_max_lag then
                    return null;
                end if;
            else
                select v_last.tick_time - t.tick_time
                  into v_gap
                  from pgq.tick t
                 where t.tick_queue = q.queue_id
                   and t.tick_id < v_last.tick_id
                 order by t.tick_queue desc, t.tick_id desc
                 limit 1;
                if found and (v_lag < q.queue_ticker_max_lag / 2
                              or (v_lag < v_gap * 2 and v_lag < q.queue_ticker_idle_period)) then
                    return null;
                end if;
            end if;
        end if;

        exit when v_locked;
        perform 1 from pgq.queue where queue_id = q.queue_id for no key update;
        v_locked := true;
    end loop;

    if current_setting('transaction_isolation') <> 'read committed' then
        execute 'select last_value from ' || pgq.quote_fqname(q.queue_tick_seq) || ' where is_called' into v_tick;
        if v_tick <> v_last.tick_id then
            raise exception 'tick % of queue % may be newer than the snapshot of this transaction', v_tick, i_queue_name
                using errcode = 'serialization_failure', hint = 'call the ticker in a READ COMMITTED transaction';
        end if;
    end if;

    insert into pgq.tick (tick_queue, tick_id, tick_event_seq)
    values (q.queue_id, nextval(pgq.quote_fqname(q.queue_tick_seq)::regclass), v_seq)
    returning tick_id into v_tick;
    return v_tick;
end;
$$;

create or replace function pgq.ticker()
returns int8
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq.ticker(0)
--
--      Makes ticks for all queues that tick by themselves and are not paused. See pgq.ticker(1).
--
-- Returns:
--      number of ticks made
--
-- Ancestor: a queue that fails stops all others; here it is a warning.
-- ----------------------------------------------------------------------
declare
    v_queue text;
    v_count int8 := 0;
begin
    for v_queue in
        select queue_name from pgq.queue
         where not queue_external_ticker
           and not queue_ticker_paused
         order by queue_name
    loop
        begin
            if pgq.ticker(v_queue) is not null then
                v_count := v_count + 1;
            end if;
        exception
            when others then
                raise warning 'queue %: %', v_queue, sqlerrm using errcode = sqlstate;
        end;
    end loop;
    return v_count;
end;
$$;
