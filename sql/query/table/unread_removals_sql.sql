-- Text of the query that lists the tables whose removal from the queue a node has not replayed yet. Runs on its provider.
-- $1 text      queue name
-- $2 int8      last tick that the node has replayed
-- Returns one row: query text (its one column: table_name text), none when the provider has no such tick. Locks nothing.
select pg_catalog.format(
         'select distinct e.ev_data as table_name from %s e where e.ev_type = %L'
         ' and e.ev_txid >= pg_catalog.txid_snapshot_xmin(%L)'
         ' and not pg_catalog.txid_visible_in_snapshot(e.ev_txid, %L)',
         q.queue_data_pfx::pg_catalog.regclass, 'londiste.remove-table', k.tick_snapshot, k.tick_snapshot) as query
  from pgq.queue q
  join pgq.tick k on k.tick_queue = q.queue_id
 where q.queue_name = $1::text
   and k.tick_id = $2::int8
