-- Queues whose stored transaction ids lie above those of this server.
-- $1 text      queue name, null = all
-- Returns one row per such queue, by name: queue_name text, stored_txid int8, current_txid int8.
select c.queue_name, c.stored_txid, c.current_txid
  from londiste_rs.check_txids($1::text) c
