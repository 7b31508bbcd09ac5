create or replace function londiste_rs.check_txids(
    i_queue_name text, out queue_name text, out stored_txid int8, out current_txid int8)
returns setof record
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: londiste_rs.check_txids(1)
--
--      The queues whose ticks or events have transaction ids that this server has not given out yet. That happens when
--      a dump is restored on a server that has counted less far, or when a server was made anew with a lower epoch. Such a
--      queue is not ticked, for new events would count as read. See londiste_rs.repair_txids().
--
-- Parameters:
--      i_queue_name    - queue; null: all
--
-- Returns:
--      queue_name      - queue
--      stored_txid     - all its ids are below this one
--      current_txid    - next id that this server gives out
--
-- Tables:
--      reads pgq.queue and tick, and the index of each event table
-- ----------------------------------------------------------------------
declare
    q record;
    v_max int8;
begin
    for q in
        select qu.queue_id, qu.queue_name, qu.queue_data_pfx,
               greatest(qu.queue_switch_step1, qu.queue_switch_step2) as switched
          from pgq.queue qu
         where i_queue_name is null or qu.queue_name = i_queue_name
         order by qu.queue_name
    loop
        -- read before the snapshot is taken, so that what is running cannot look as if it came from elsewhere
        select max(txid_snapshot_xmax(t.tick_snapshot)) into stored_txid
          from pgq.tick t where t.tick_queue = q.queue_id;
        execute 'select max(ev_txid) from ' || format('%I.%I', split_part(q.queue_data_pfx, '.', 1),
                                                     substr(q.queue_data_pfx, strpos(q.queue_data_pfx, '.') + 1))
           into v_max;
        stored_txid := greatest(stored_txid, q.switched + 1, v_max + 1);
        current_txid := txid_snapshot_xmax(txid_current_snapshot());
        if stored_txid > current_txid then
            queue_name := q.queue_name;
            return next;
        end if;
    end loop;
end;
$$;
