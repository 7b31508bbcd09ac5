-- is_replica_func(1): true when a function is one of the trigger functions that write row changes into a queue:
-- those of schema pgq, and the ones that are generated in schema londiste_rs.
--
-- Parameters:
--   func_oid            function
-- Returns: true or false.
create or replace function londiste.is_replica_func(func_oid oid)
returns boolean as $$
    select exists (
        select 1
        from pg_catalog.pg_proc p, pg_catalog.pg_namespace n
        where p.oid = $1
          and n.oid = p.pronamespace
          and (n.nspname = 'pgq' and p.proname in ('sqltriga', 'logutriga', 'jsontriga')
               or n.nspname = 'londiste_rs' and p.prorettype = 'trigger'::regtype and p.proname like 'capture\_%'));
$$ language sql strict stable;
