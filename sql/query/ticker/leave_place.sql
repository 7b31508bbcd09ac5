-- Gives back what take_place took.
-- $1 int4      first half of the key
-- $2 int4      second half of the key
-- Returns one row: given_back bool.
select pg_catalog.pg_advisory_unlock($1::int4, $2::int4) as given_back
