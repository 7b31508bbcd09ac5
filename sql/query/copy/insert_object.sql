-- Keeps one object that a copy dropped.
-- $1 int8      the copy
-- $2 int4      its place in the order of creation
-- $3 text      its name
-- $4 text      statement that builds its index, or null
-- $5 text[]    statements that come after it
insert into londiste_rs.copy_object (copy_id, object_nr, object_name, index_sql, other_sql)
values ($1::int8, $2::int4, $3::text, $4::text, $5::text[])
