-- The rows of a table that have parked events.
-- $1 text      queue name
-- $2 text      table name
-- Returns rows: row_key text (empty: a new row without a key; null: it may be any row), ev_id int8 (its first parked
-- event).
select e.row_key, (array_agg(e.ev_id order by e.park_id))[1] as ev_id
  from londiste_rs.parked_event e
 where e.queue_name = $1::text and e.table_name = $2::text
 group by e.row_key
 order by min(e.park_id)
