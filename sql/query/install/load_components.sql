-- Which of the named schemas exist, and which of them are ours.
-- $1 text[]    schema names
-- Returns one row per name: name text, present bool, has_record bool (whether londiste_rs.component exists at all).
select n.name,
       exists (select 1 from pg_catalog.pg_namespace s where s.nspname = n.name) as present,
       pg_catalog.to_regclass('londiste_rs.component') is not null as has_record
  from pg_catalog.unnest($1::text[]) as n (name)
