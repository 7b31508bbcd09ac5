-- Which of the named components exist, and whether they can be put in. A component is a schema; logtriga is a function
-- in schema public, where it has always been.
-- $1 text[]    names
-- Returns one row per name: name text, present bool, allowed bool (false when it would be written to schema
-- public and this user may not create there, or there is no such schema), has_record bool (whether londiste_rs.component exists at all).
select n.name,
       case when n.name = 'logtriga' then pg_catalog.to_regprocedure('public.logtriga()') is not null
            else exists (select 1 from pg_catalog.pg_namespace s where s.nspname = n.name) end as present,
       n.name <> 'logtriga' or exists (
           select 1 from pg_catalog.pg_namespace s
            where s.nspname = 'public' and pg_catalog.has_schema_privilege(s.oid, 'create')) as allowed,
       pg_catalog.to_regclass('londiste_rs.component') is not null as has_record
  from pg_catalog.unnest($1::text[]) as n (name)
