-- Attaches a table on this node.
-- $1 text      queue name
-- $2 text      table name
-- $3 text[]    trigger arguments, null = none
-- $4 text      attributes, url-encoded, null = none
-- $5 text      name in the database, null = the same
-- Returns one row: ret_code int4, ret_note text. Locks the table until the transaction ends.
select r.ret_code, r.ret_note
  from londiste.local_add_table($1::text, $2::text, $3::text[], $4::text, $5::text) r
