-- Forgets a table of the queue on this node; where it is attached it is detached first.
-- $1 text      queue name
-- $2 text      table name
-- Returns one row: ret_code int4, ret_note text.
select r.ret_code, r.ret_note
  from londiste.global_remove_table($1::text, $2::text) r
