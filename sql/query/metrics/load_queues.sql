-- How the queues of a database are.
-- Returns rows: queue_name text, ticker_lag float8 (seconds since the newest tick), new_events int8 (not ticked yet),
-- last_tick int8, last_event int8 (last number given out), bytes int8 (event tables with indexes).
select q.queue_name, extract(epoch from q.ticker_lag)::float8 as ticker_lag, q.ev_new as new_events,
       q.last_tick_id as last_tick,
       (select t.tick_event_seq + q.ev_new
          from pgq.tick t
          join pgq.queue p on p.queue_id = t.tick_queue
         where p.queue_name = q.queue_name and t.tick_id = q.last_tick_id) as last_event,
       (select coalesce(sum(pg_catalog.pg_total_relation_size(i.inhrelid)), 0)::int8
          from pgq.queue p
          join pg_catalog.pg_inherits i on i.inhparent = pg_catalog.to_regclass(p.queue_data_pfx)
         where p.queue_name = q.queue_name) as bytes
  from pgq.get_queue_info() q
