-- Keeps the ranges of a copy.
-- $1 int8      the copy
-- $2 text[]    relation of each, quoted
-- $3 int8[]    first block of each
-- $4 int8[]    block behind the last one of each
insert into londiste_rs.copy_range (copy_id, range_nr, relation, first_block, end_block)
select $1::int8, r.nr, r.relation, r.first_block, r.end_block
  from rows from (pg_catalog.unnest($2::text[]), pg_catalog.unnest($3::int8[]), pg_catalog.unnest($4::int8[]))
       with ordinality as r (relation, first_block, end_block, nr)
