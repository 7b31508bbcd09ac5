-- One tick by the function of the database side, for a role that may not write ticks itself; the listeners are told.
-- $1 text      queue name
-- $2 text      notification channel
-- Returns one row: tick_id int8 (null = the function found no reason to tick).
with ticked as materialized (select pgq.ticker($1::text) as tick_id)
select t.tick_id,
       case when t.tick_id is not null then pg_catalog.pg_notify($2::text, $1::text) end::text as told
  from ticked t
