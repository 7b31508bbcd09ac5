-- The queues of this database that its ticker serves, each with its two newest ticks.
-- Returns per queue, by name: queue_id int4, queue_name text, event_seq oid, tick_seq oid (the two sequences),
-- max_count int8, max_lag float8, idle_period float8 (seconds), own_sql bool (whether this role may write ticks itself:
-- lock and insert, tick sequence), tick_id int8, tick_event_seq int8, tick_snapshot text, tick_age float8 (seconds),
-- tick_gap float8 (seconds from the tick before it); the last five are null while there is no such tick.
-- Queues that are paused or ticked from outside are left out.
select q.queue_id, q.queue_name,
       q.queue_event_seq::pg_catalog.regclass::oid as event_seq,
       q.queue_tick_seq::pg_catalog.regclass::oid as tick_seq,
       q.queue_ticker_max_count::int8 as max_count,
       extract(epoch from q.queue_ticker_max_lag)::float8 as max_lag,
       extract(epoch from q.queue_ticker_idle_period)::float8 as idle_period,
       (pg_catalog.has_table_privilege('pgq.tick', 'insert')
        and pg_catalog.has_table_privilege('pgq.tick', 'update')
        and pg_catalog.has_sequence_privilege(q.queue_tick_seq, 'usage')) as own_sql,
       t.tick_id, t.tick_event_seq, t.tick_snapshot::text as tick_snapshot,
       extract(epoch from pg_catalog.clock_timestamp() - t.tick_time)::float8 as tick_age,
       extract(epoch from t.tick_time - p.tick_time)::float8 as tick_gap
  from pgq.queue q
  left join lateral (select n.tick_id, n.tick_event_seq, n.tick_snapshot, n.tick_time
                       from pgq.tick n
                      where n.tick_queue = q.queue_id
                      order by n.tick_queue desc, n.tick_id desc
                      limit 1) t on true
  left join lateral (select n.tick_time
                       from pgq.tick n
                      where n.tick_queue = q.queue_id and n.tick_id < t.tick_id
                      order by n.tick_queue desc, n.tick_id desc
                      limit 1) p on true
 where not q.queue_external_ticker and not q.queue_ticker_paused
 order by q.queue_name
