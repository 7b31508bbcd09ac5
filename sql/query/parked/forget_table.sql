-- Forgets the parked events and the drift of a table whose rows were copied anew, or emptied.
-- $1 text      queue name
-- $2 text      table name
with drift as (delete from londiste_rs.table_drift where queue_name = $1::text and table_name = $2::text)
delete from londiste_rs.parked_event where queue_name = $1::text and table_name = $2::text
