-- Notes that the rows of a range are in.
-- $1 int8      the copy
-- $2 int4      the range
-- $3 int8      number of rows
update londiste_rs.copy_range
   set row_count = $3::int8
 where copy_id = $1::int8 and range_nr = $2::int4 and row_count is null
