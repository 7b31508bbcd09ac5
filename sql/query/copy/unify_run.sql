-- Notes that all rows of a copy are brought to one snapshot.
-- $1 int8      the copy
-- $2 text      snapshot
update londiste_rs.copy_run
   set row_snapshot = $2::text, is_resumed = false
 where copy_id = $1::int8
