-- Makes a sequence of the set known here, with its value.
-- $1 text      queue name
-- $2 text      sequence name
-- $3 int8      value
-- Returns one row: ret_code int4, ret_note text.
select r.ret_code, r.ret_note
  from londiste.global_update_seq($1::text, $2::text, $3::int8) r
