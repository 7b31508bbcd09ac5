-- Notes that the missing ranges of a copy will be read from another snapshot.
-- $1 int8      the copy
update londiste_rs.copy_run
   set is_resumed = true
 where copy_id = $1::int8
