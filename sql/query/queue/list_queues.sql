-- The queues of this database.
-- $1 text      queue name, null = all
-- Returns one row per queue, by name: queue_name text, tables int4, current_table int4, rotation_period text and
-- rotation_seconds float8 (null = not rotated), rotated_seconds float8 (since the last rotation), external_ticker,
-- ticker_paused bool, ticker_max_count int4, ticker_max_lag, ticker_idle_period text (intervals), per_tx_limit int4,
-- disable_insert bool, extra_maint text[], consumers int8, last_tick int8, ticker_lag float8 (seconds), not_ticked bool
-- (its newest tick is older than any ticker would let it become), ev_per_sec float8, ev_new int8, bytes int8.
select i.queue_name, i.queue_ntables as tables, i.queue_cur_table as current_table,
       i.queue_rotation_period::text as rotation_period,
       extract(epoch from i.queue_rotation_period)::float8 as rotation_seconds,
       extract(epoch from pg_catalog.clock_timestamp() - i.queue_switch_time)::float8 as rotated_seconds,
       i.queue_external_ticker as external_ticker, i.queue_ticker_paused as ticker_paused,
       i.queue_ticker_max_count as ticker_max_count, i.queue_ticker_max_lag::text as ticker_max_lag,
       i.queue_ticker_idle_period::text as ticker_idle_period,
       q.queue_per_tx_limit as per_tx_limit, q.queue_disable_insert as disable_insert,
       q.queue_extra_maint as extra_maint,
       (select count(*) from pgq.subscription s where s.sub_queue = q.queue_id) as consumers,
       i.last_tick_id as last_tick, extract(epoch from i.ticker_lag)::float8 as ticker_lag,
       coalesce(not i.queue_external_ticker and not i.queue_ticker_paused
                and i.ticker_lag > 2 * i.queue_ticker_idle_period + 2 * i.queue_ticker_max_lag, false) as not_ticked,
       i.ev_per_sec, i.ev_new,
       coalesce((select sum(pg_catalog.pg_total_relation_size(h.inhrelid))
                   from pg_catalog.pg_inherits h
                  where h.inhparent = pg_catalog.to_regclass(q.queue_data_pfx)), 0)::int8 as bytes
  from pgq.get_queue_info($1::text) i
  join pgq.queue q on q.queue_name = i.queue_name
 order by i.queue_name
