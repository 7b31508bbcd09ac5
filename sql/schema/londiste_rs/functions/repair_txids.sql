create or replace function londiste_rs.repair_txids(
    i_queue_name text, out missing_txids int8, out ticks int4, out events int8)
returns record
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: londiste_rs.repair_txids(1)
--
--      Gives the ticks and events of a restored queue transaction ids that mean on this server what the old ones meant on
--      the one that they come from (see londiste_rs.check_txids). Every batch keeps its events and every reader its
--      position: nothing is lost or delivered twice, whether it was written before the dump or after the restore.
--
--      Which tick was the first to see an event is all that its id says. So ticks are numbered from below, one number for
--      each tick that brought events, and an event gets the last number that the tick before does not see. Events that no
--      tick has seen yet get the id of this transaction: the next tick brings them. So do events that were written
--      here since the restore; they are told from restored ones by what wrote their row, which happened after the
--      index of the table was made.
--
-- Parameters:
--      i_queue_name    - queue
--
-- Returns:
--      missing_txids   - so many transaction ids this server must give out first, for want of numbers; nothing was
--                        changed. 0 otherwise.
--      ticks, events   - how many were changed; 0 when nothing is wrong
--
-- Errors:
--      No such event queue
--      call it in a READ COMMITTED transaction
--
-- Tables:
--      updates the event tables, pgq.tick, pgq.queue, londiste_rs.detached_consumer; deletes from
--      londiste_rs.rotation_wait
--
-- Locks:
--      the queue's row, for update; its event tables, access exclusive; pgq.subscription and pgq.tick, share row
--      exclusive: neither writers nor readers nor tickers run meanwhile
-- ----------------------------------------------------------------------
declare
    -- where the numbers begin: the first id that is an ordinary one
    c_first constant int8 := 3;
    q record;
    v_own int8 := txid_current();
    v_table text;
    v_tables text[] := '{}';
    v_made int8[] := '{}';
    v_index_made int8;
    v_xmax int8[];
    v_open jsonb;
    v_seen int8[];
    v_used int8[] := '{}';
    v_number int8[];
    v_xmin int8;
    v_count int8;
    i int4;
begin
    missing_txids := 0;
    ticks := 0;
    events := 0;
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'call it in a READ COMMITTED transaction';
    end if;
    select qu.queue_id, qu.queue_ntables, qu.queue_data_pfx, qu.queue_switch_step1
      into q
      from pgq.queue qu
     where qu.queue_name = i_queue_name
       for update;
    if not found then
        raise exception 'No such event queue';
    end if;

    for i in 0 .. q.queue_ntables - 1 loop
        v_table := format('%I.%I', split_part(q.queue_data_pfx, '.', 1),
                          substr(q.queue_data_pfx, strpos(q.queue_data_pfx, '.') + 1) || '_' || i);
        execute 'lock table ' || v_table || ' in access exclusive mode';
        v_tables := v_tables || v_table;
        select max(v_own - age(x.xmin)) into v_index_made
          from pg_catalog.pg_index x where x.indrelid = v_table::regclass;
        v_made := v_made || coalesce(v_index_made, 0);
    end loop;
    lock table pgq.subscription in share row exclusive mode;
    lock table pgq.tick in share row exclusive mode;

    if not exists (select 1 from londiste_rs.check_txids(i_queue_name)) then
        return;
    end if;

    -- A tick sees what is below its xmax, and not in its list of open transactions. Both only grow in time, so
    -- the first tick that sees an id comes after all ticks whose xmax is not above it, and after the last one that has
    -- it in its list.
    select array_agg(t.xmax order by t.tick_id)
      into v_xmax
      from (select k.tick_id, max(txid_snapshot_xmax(k.tick_snapshot)) over (order by k.tick_id) as xmax
              from pgq.tick k where k.tick_queue = q.queue_id) t;
    v_xmax := coalesce(v_xmax, '{}');
    select coalesce(jsonb_object_agg(o.txid::text, o.pos), '{}')
      into v_open
      from (select x.txid, max(t.pos) as pos
              from (select k.tick_snapshot, row_number() over (order by k.tick_id) as pos
                      from pgq.tick k where k.tick_queue = q.queue_id) t
              cross join lateral txid_snapshot_xip(t.tick_snapshot) x (txid)
             group by x.txid) o;

    -- ticks that brought events
    for i in 1 .. cardinality(v_tables) loop
        execute format(
            'select array_agg(distinct greatest(width_bucket(e.ev_txid, $1), coalesce(($2->>(e.ev_txid::text))::int4, 0)) + 1)
               from (select distinct ev_txid from %s where not (ev_txid <= $3 and $3 - age(xmin) > $4)) e', v_tables[i])
           into v_seen
          using v_xmax, v_open, v_own, v_made[i];
        v_used := v_used || v_seen;
    end loop;
    select array_agg(c_first + n.before order by n.pos), max(c_first + n.before)
      into v_number, v_count
      from (select p.pos, count(u.pos) over (order by p.pos) as before
              from generate_series(1, cardinality(v_xmax)) p (pos)
              left join (select distinct x as pos from unnest(v_used) x where x > 1) u on u.pos = p.pos) n;
    v_number := coalesce(v_number, '{}');

    -- who is writing now must not look as if a tick had seen him already
    v_xmin := txid_snapshot_xmin(txid_current_snapshot());
    if v_count > v_xmin then
        missing_txids := v_count - v_xmin;
        return;
    end if;

    for i in 1 .. cardinality(v_tables) loop
        execute format(
            'update %s set ev_txid = case when ev_txid <= $3 and $3 - age(xmin) > $4 then $3
                 else coalesce($5[greatest(width_bucket(ev_txid, $1), coalesce(($2->>(ev_txid::text))::int4, 0)) + 1] - 1, $3) end',
            v_tables[i])
          using v_xmax, v_open, v_own, v_made[i], v_number;
        get diagnostics v_count = row_count;
        events := events + v_count;
    end loop;
    update pgq.tick t
       set tick_snapshot = format('%s:%s:', v_number[n.pos], v_number[n.pos])::txid_snapshot
      from (select k.tick_id, row_number() over (order by k.tick_id) as pos
              from pgq.tick k where k.tick_queue = q.queue_id) n
     where t.tick_queue = q.queue_id
       and t.tick_id = n.tick_id;
    get diagnostics ticks = row_count;

    -- As after the first step of a rotation: readers look into both tables until the second step, which is later
    -- than everything that is there now.
    update pgq.queue set queue_switch_step1 = c_first, queue_switch_step2 = null where queue_id = q.queue_id;
    delete from londiste_rs.rotation_wait where queue_id = q.queue_id;
    update londiste_rs.detached_consumer
       set switch_step1 = case when switch_step1 = q.queue_switch_step1 then c_first else 0 end
     where queue_id = q.queue_id;
end;
$$;
