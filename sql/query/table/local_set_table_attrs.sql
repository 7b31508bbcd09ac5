-- Replaces the attributes of a table on this node.
-- $1 text      queue name
-- $2 text      table name
-- $3 text      attributes, url-encoded, null = none
-- Returns one row: ret_code int4, ret_note text.
select r.ret_code, r.ret_note
  from londiste.local_set_table_attrs($1::text, $2::text, $3::text) r
