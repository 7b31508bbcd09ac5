-- Tells the readers of a queue that there is a new tick.
-- $1 text      notification channel
-- $2 text      queue name
-- Returns one row, void.
select pg_catalog.pg_notify($1::text, $2::text)
