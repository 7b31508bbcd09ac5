-- Writes one tick for a queue now, and tells the listeners. Run it after pgq.tick was locked by an earlier statement of
-- the same READ COMMITTED transaction, so that the order of ticks is the order of their snapshots.
-- $1 text      queue name
-- $2 text      notification channel
-- Returns one row when a tick was made, none when the queue is unknown, paused or ticked from elsewhere (a branch):
-- tick_id int8, told text.
with made as (
    insert into pgq.tick (tick_queue, tick_id, tick_time, tick_event_seq)
    select q.queue_id, pg_catalog.nextval(q.queue_tick_seq::pg_catalog.regclass),
           pg_catalog.statement_timestamp(), pgq.seq_getval(q.queue_event_seq)
      from pgq.queue q
     where q.queue_name = $1::text and not q.queue_external_ticker and not q.queue_ticker_paused
    returning tick_id
)
select m.tick_id, pg_catalog.pg_notify($2::text, $1::text)::text as told
  from made m
