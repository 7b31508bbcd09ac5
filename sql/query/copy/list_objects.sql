-- What a copy dropped, in the order of creation.
-- $1 int8      the copy
-- Returns rows: object_name text, index_sql text, other_sql text[].
select object_name, index_sql, other_sql
  from londiste_rs.copy_object
 where copy_id = $1::int8
 order by object_nr
