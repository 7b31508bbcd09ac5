-- How the queues of a database are.
-- Returns rows: queue_name text, ticker_lag float8 (seconds since the newest tick), new_events int8 (not ticked yet),
-- last_tick int8, bytes int8 (event tables with indexes).
select q.queue_name, extract(epoch from q.ticker_lag)::float8 as ticker_lag, q.ev_new as new_events,
       q.last_tick_id as last_tick,
       (select coalesce(sum(pg_catalog.pg_total_relation_size(i.inhrelid)), 0)::int8
          from pgq.queue p
          join pg_catalog.pg_inherits i on i.inhparent = pg_catalog.to_regclass(p.queue_data_pfx)
         where p.queue_name = q.queue_name) as bytes
  from pgq.get_queue_info() q
