create or replace function pgq.batch_event_sql(x_batch_id int8)
returns text
language plpgsql set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq.batch_event_sql(1)
--
--      The query that reads the events of a batch.
--
--      They are those whose transaction the later tick sees and the earlier one does not. Nearly all have an id
--      between the xmax of the two snapshots: an index range. The others were running at the earlier tick and
--      are looked up one by one, so that a long transaction does not make every batch read all of its lifetime;
--      those shortly below the range are put into it.
--
-- Parameters:
--      x_batch_id  - open batch
--
-- Returns:
--      query with the columns ev_id, ev_time, ev_txid, ev_retry, ev_type, ev_data, ev_extra1 .. ev_extra4;
--      its text ends in " order by 1"
--
-- Errors:
--      batch not found
--      could not construct sql for batch <n>
--
-- Tables:
--      reads pgq.subscription, tick, queue
-- ----------------------------------------------------------------------
declare
    b record;
    v_start int8;
    v_end int8;
    v_ids text := '';
    v_id int8;
    v_table text;
    v_part text;
    v_sql text := '';
begin
    select s.sub_id, s.sub_queue, s.sub_last_tick, s.sub_next_tick,
           t1.tick_snapshot as prev_snapshot, t2.tick_snapshot as cur_snapshot
      into b
      from pgq.subscription s
      join pgq.tick t1 on t1.tick_queue = s.sub_queue and t1.tick_id = s.sub_last_tick
      join pgq.tick t2 on t2.tick_queue = s.sub_queue and t2.tick_id = s.sub_next_tick
     where s.sub_batch = x_batch_id;
    if not found then
        raise exception 'batch not found';
    end if;

    v_start := txid_snapshot_xmax(b.prev_snapshot);
    v_end := txid_snapshot_xmax(b.cur_snapshot);

    for v_id in
        select p.id from txid_snapshot_xip(b.prev_snapshot) p (id)
         where not exists (select 1 from txid_snapshot_xip(b.cur_snapshot) c (id) where c.id = p.id)
         order by p.id desc
    loop
        if v_start - v_id <= 100 then
            v_start := v_id;
        elsif v_ids = '' then
            v_ids := v_id::text;
        else
            v_ids := v_ids || ',' || v_id::text;
        end if;
    end loop;

    for v_table in select pgq.quote_fqname(t) from pgq.batch_event_tables(x_batch_id) t loop
        v_part := 'select ev.ev_id, ev.ev_time, ev.ev_txid, ev.ev_retry, ev.ev_type, ev.ev_data,'
            || ' ev.ev_extra1, ev.ev_extra2, ev.ev_extra3, ev.ev_extra4 from ' || v_table || ' ev';
        if v_sql <> '' then
            v_sql := v_sql || ' union all ';
        end if;
        v_sql := v_sql || v_part || ', pgq.tick cur, pgq.tick prev'
            || ' where cur.tick_queue = ' || b.sub_queue::text || ' and cur.tick_id = ' || b.sub_next_tick::text
            || ' and prev.tick_queue = ' || b.sub_queue::text || ' and prev.tick_id = ' || b.sub_last_tick::text
            || ' and ev.ev_txid >= ' || v_start::text || ' and ev.ev_txid <= ' || v_end::text
            || ' and txid_visible_in_snapshot(ev.ev_txid, cur.tick_snapshot)'
            || ' and not txid_visible_in_snapshot(ev.ev_txid, prev.tick_snapshot)'
            || ' and (ev.ev_owner is null or ev.ev_owner = ' || b.sub_id::text || ')';
        if v_ids <> '' then
            v_sql := v_sql || ' union all ' || v_part || ' where ev.ev_txid in (' || v_ids || ')'
                || ' and (ev.ev_owner is null or ev.ev_owner = ' || b.sub_id::text || ')';
        end if;
    end loop;
    if v_sql = '' then
        raise exception 'could not construct sql for batch %', x_batch_id;
    end if;
    return v_sql || ' order by 1';
end;
$$;
