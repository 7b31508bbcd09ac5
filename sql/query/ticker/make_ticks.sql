-- Writes one tick for each queue that nobody ticked since the decision was made, and tells the listeners. It is run
-- after pgq.tick was locked by an earlier statement of the same READ COMMITTED transaction, so that the snapshot taken
-- here is younger than that of every tick in the table.
-- $1 int4[]    queue ids
-- $2 int8[]    newest tick of each queue as it was known at the decision, null = none
-- $3 int8[]    value of each event sequence, read before this statement, null = never used
-- $4 text      notification channel; the payload is the queue's name
-- Returns per queue that is still there and ticked by us: queue_id int4, made bool, tick_id int8, tick_event_seq int8,
-- tick_snapshot text, tick_age float8 (seconds) of the tick that is the newest now (null = there is none), previous
-- text (snapshot of the tick before the one made), current text (snapshot of now), stale bool (the newest tick comes
-- from a server that had counted transactions further than this one has: nothing was written), own int8 (id of this
-- transaction, where it made a tick), told text.
with wanted as materialized (
    select q.queue_id, q.queue_name, q.queue_tick_seq, w.known, w.seq,
           t.tick_id, t.tick_event_seq, t.tick_snapshot, t.tick_time,
           coalesce(pg_catalog.txid_snapshot_xmax(pg_catalog.txid_current_snapshot())
                    < pg_catalog.txid_snapshot_xmax(t.tick_snapshot), false) as stale
      from rows from (pg_catalog.unnest($1::int4[]), pg_catalog.unnest($2::int8[]), pg_catalog.unnest($3::int8[]))
           as w(queue_id, known, seq)
      join pgq.queue q on q.queue_id = w.queue_id
      left join lateral (select n.tick_id, n.tick_event_seq, n.tick_snapshot, n.tick_time
                           from pgq.tick n
                          where n.tick_queue = q.queue_id
                          order by n.tick_queue desc, n.tick_id desc
                          limit 1) t on true
     where not q.queue_external_ticker and not q.queue_ticker_paused
), made as (
    insert into pgq.tick (tick_queue, tick_id, tick_time, tick_event_seq)
    select w.queue_id, pg_catalog.nextval(w.queue_tick_seq::pg_catalog.regclass),
           -- Not now(): that lies before the wait for the lock, and the times of ticks are to grow with their ids.
           pg_catalog.statement_timestamp(),
           -- What a sequence that was never used counts as (0 or 1) is told by the tick that came with the queue.
           coalesce(w.seq, w.tick_event_seq, 1)
      from wanted w
     where w.tick_id is not distinct from w.known and not w.stale
    returning tick_queue, tick_id, tick_time, tick_event_seq, tick_snapshot
)
select w.queue_id,
       m.tick_id is not null as made,
       coalesce(m.tick_id, w.tick_id) as tick_id,
       coalesce(m.tick_event_seq, w.tick_event_seq) as tick_event_seq,
       coalesce(m.tick_snapshot, w.tick_snapshot)::text as tick_snapshot,
       extract(epoch from pg_catalog.clock_timestamp() - coalesce(m.tick_time, w.tick_time))::float8 as tick_age,
       w.tick_snapshot::text as previous,
       pg_catalog.txid_current_snapshot()::text as current,
       w.stale,
       case when m.tick_id is not null then pg_catalog.txid_current_if_assigned() end as own,
       case when m.tick_id is not null then pg_catalog.pg_notify($4::text, w.queue_name) end::text as told
  from wanted w
  left join made m on m.tick_queue = w.queue_id
