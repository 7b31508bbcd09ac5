-- The ranges of a copy, in order.
-- $1 int8      the copy
-- Returns rows: range_nr int4, relation text, first_block int8, end_block int8, row_count int8 (null = not copied yet).
select range_nr, relation, first_block, end_block, row_count
  from londiste_rs.copy_range
 where copy_id = $1::int8
 order by range_nr
