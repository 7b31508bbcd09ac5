-- What the queue's database can do for a reader.
-- Returns one row: coop bool (schema pgq_coop), bury bool (dead events, and this role may make them).
select exists (select 1 from pg_catalog.pg_namespace where nspname = 'pgq_coop') as coop,
       coalesce(pg_catalog.has_function_privilege(
           pg_catalog.to_regprocedure('londiste_rs.bury_event(int8, int8, text)'), 'execute'), false) as bury
