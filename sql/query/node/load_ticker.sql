-- The ticker's clock of a queue.
-- $1 text      queue name
-- Returns at most one row: now float8 (seconds since 1970), ticker_lag float8 (seconds).
select extract(epoch from clock_timestamp())::float8 as now, extract(epoch from q.ticker_lag)::float8 as ticker_lag
  from pgq.get_queue_info($1::text) q
