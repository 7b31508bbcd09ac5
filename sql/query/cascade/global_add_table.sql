-- Makes a table of the set known here; it is not attached by that.
-- $1 text      queue name
-- $2 text      table name
-- Returns one row: ret_code int4, ret_note text.
select r.ret_code, r.ret_note
  from londiste.global_add_table($1::text, $2::text) r
