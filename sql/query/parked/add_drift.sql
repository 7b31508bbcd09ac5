-- Adds to the updates and deletes of a table that found no row.
-- $1 text      queue name
-- $2 text      table name
-- $3 int8      how many
-- $4 int8      tick at the end of the batch
insert into londiste_rs.table_drift as d (queue_name, table_name, missed_rows, last_tick)
values ($1::text, $2::text, $3::int8, $4::int8)
on conflict (queue_name, table_name) do update
   set missed_rows = d.missed_rows + excluded.missed_rows, last_at = now(), last_tick = excluded.last_tick
