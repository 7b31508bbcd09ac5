-- Lets the job file say again what is to be done with events that cannot be applied to a table.
-- $1 text      queue name
-- $2 text      table name
delete from londiste_rs.table_policy where queue_name = $1::text and table_name = $2::text
