-- Sets what is to be done with events that cannot be applied to a table.
-- $1 text      queue name
-- $2 text      table name
-- $3 text      stop or park
insert into londiste_rs.table_policy (queue_name, table_name, on_error)
values ($1::text, $2::text, $3::text)
on conflict (queue_name, table_name) do update set on_error = excluded.on_error
