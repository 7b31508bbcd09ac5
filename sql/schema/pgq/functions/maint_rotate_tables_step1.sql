create or replace function pgq.maint_rotate_tables_step1(i_queue_name text)
returns int4
language plpgsql set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq.maint_rotate_tables_step1(1)
--
--      Empties the oldest event table of a queue and makes it the current one, when it is time for that and
--      nobody needs its events any more. Step 2 must follow in another transaction.
--
-- Parameters:
--      i_queue_name    - queue
--
-- Returns:
--      0
--
-- Errors:
--      queue <q> maint failure: step1=<n>, current=<n>     (transaction ids went back)
--      queue <q> maint failure: tick <t> not found
--
-- Tables:
--      truncates an event table; updates pgq.queue; deletes from pgq.tick what the period before the last one left
--
-- Locks:
--      the queue's row, for update; the oldest event table, access exclusive, without waiting for it
--
-- The newest tick stays whatever its age: new consumers start there.
-- ----------------------------------------------------------------------
declare
    q record;
    v_tick int8;
    v_xmin int8;
    v_next int4;
    v_table text;
    v_late bool;
begin
    select queue_id, queue_ntables, queue_cur_table, queue_data_pfx, queue_switch_step1, queue_switch_step2
      into q
      from pgq.queue
     where queue_name = i_queue_name
       and queue_switch_step2 is not null
       and queue_switch_time + queue_rotation_period < current_timestamp
       for update;
    if not found then
        return 0;
    end if;

    if txid_current() < q.queue_switch_step1 then
        perform pgq._foreign_txids(i_queue_name, format('queue %s maint failure: step1=%s, current=%s',
            i_queue_name, q.queue_switch_step1, txid_current()));
    end if;

    select min(sub_last_tick) into v_tick from pgq.subscription where sub_queue = q.queue_id;
    if v_tick is not null then
        select txid_snapshot_xmin(tick_snapshot) into v_xmin
          from pgq.tick
         where tick_queue = q.queue_id
           and tick_id = v_tick;
        if not found then
            raise exception 'queue % maint failure: tick % not found', i_queue_name, v_tick;
        end if;
        if v_xmin <= q.queue_switch_step2 then
            return 0;
        end if;
    end if;

    v_next := (q.queue_cur_table + 1) % q.queue_ntables;
    v_table := pgq.quote_fqname(q.queue_data_pfx || '_' || v_next::text);
    begin
        execute 'lock table ' || v_table || ' in access exclusive mode nowait';
        if v_xmin is not null then
            -- nothing that the slowest consumer has not read may be in there; look, before it is gone
            execute 'select exists (select 1 from ' || v_table || ' where ev_txid >= $1)' into v_late using v_xmin;
            if v_late then
                raise warning 'queue %: table % holds events that are not read yet, not rotating', i_queue_name, v_table;
                return 0;
            end if;
        end if;
        execute 'truncate ' || v_table;
    exception
        when lock_not_available then
            return 0;
    end;

    update pgq.queue
       set queue_cur_table = v_next,
           queue_switch_time = current_timestamp,
           queue_switch_step1 = txid_current(),
           queue_switch_step2 = null
     where queue_id = q.queue_id;

    delete from pgq.tick
     where tick_queue = q.queue_id
       and txid_snapshot_xmin(tick_snapshot) < q.queue_switch_step2
       and tick_id < (select max(t.tick_id) from pgq.tick t where t.tick_queue = q.queue_id);
    return 0;
end;
$$;
