-- Detaches a table on this node; on a root it leaves the whole queue.
-- $1 text      queue name
-- $2 text      table name
-- Returns one row: ret_code int4, ret_note text. Locks the table until the transaction ends.
select r.ret_code, r.ret_note
  from londiste.local_remove_table($1::text, $2::text) r
