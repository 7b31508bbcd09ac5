-- Makes the worker copy a table anew: sets its state and snapshot to null.
-- $1 text      queue name
-- $2 text      table name
-- Returns one row: ret_code int4, ret_note text.
select r.ret_code, r.ret_note
  from londiste.local_set_table_state($1::text, $2::text, null, null) r
