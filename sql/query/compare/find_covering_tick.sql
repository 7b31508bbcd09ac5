-- The first tick that has everything which was committed when a snapshot was taken.
-- $1 text      queue name
-- $2 text      the snapshot
-- Returns one row: tick_id int8 (null = there is none yet).
select pg_catalog.min(t.tick_id) as tick_id
  from pgq.tick t
  join pgq.queue q on q.queue_id = t.tick_queue
 where q.queue_name = $1::text
   and pg_catalog.txid_snapshot_xmax((t.tick_snapshot::text)::txid_snapshot)
       >= pg_catalog.txid_snapshot_xmax(($2::text)::txid_snapshot)
   and not exists (select 1
                     from pg_catalog.txid_snapshot_xip((t.tick_snapshot::text)::txid_snapshot) x (txid)
                    where pg_catalog.txid_visible_in_snapshot(x.txid, ($2::text)::txid_snapshot))
