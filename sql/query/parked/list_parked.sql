-- Parked events, in the order of replay.
-- $1 text      queue name
-- $2 text[]    table names; null: all
-- $3 int8      event id; null: all
-- $4 int8      at most so many; null: all
-- Returns rows: park_id int8, table_name text, tick_id int8, row_key text, ev_id int8, ev_time text, ev_txid int8,
-- ev_type text, ev_data text, ev_extra1 text, ev_extra2 text, ev_extra3 text, ev_extra4 text, sqlstate text,
-- reason text, tries int4, parked_seconds float8.
select e.park_id, e.table_name, e.tick_id, e.row_key, e.ev_id, e.ev_time::text as ev_time, e.ev_txid, e.ev_type,
       e.ev_data, e.ev_extra1, e.ev_extra2, e.ev_extra3, e.ev_extra4, e.sqlstate, e.reason, e.tries,
       extract(epoch from now() - e.parked_at)::float8 as parked_seconds
  from londiste_rs.parked_event e
 where e.queue_name = $1::text
   and ($2::text[] is null or e.table_name = any ($2::text[]))
   and ($3::int8 is null or e.ev_id = $3::int8)
 order by e.park_id
 limit $4::int8
