-- Which of the named components exist, and whether they can be put in. A component is a schema; logtriga is a function
-- in schema public, where it has always been.
-- $1 text[]    names
-- Returns one row per name: name text, present bool, allowed bool (false when it would be written to schema
-- public and this user may not create there, or there is no such schema), granted bool (false when none of its
-- functions is granted to the role that needs them most, though this user could see to that: so it is after a dump was
-- restored on a server that had no such role), extension bool (whether it belongs to one), has_record bool (whether londiste_rs.component exists at all).
select n.name,
       case when n.name = 'logtriga' then pg_catalog.to_regprocedure('public.logtriga()') is not null
            else exists (select 1 from pg_catalog.pg_namespace s where s.nspname = n.name) end as present,
       n.name <> 'logtriga' or exists (
           select 1 from pg_catalog.pg_namespace s
            where s.nspname = 'public' and pg_catalog.has_schema_privilege(s.oid, 'create')) as allowed,
       k.role_name is null
           or not exists (select 1 from pg_catalog.pg_roles r where r.rolname = k.role_name)
              and not exists (select 1 from pg_catalog.pg_roles r
                               where r.rolname = current_user and (r.rolsuper or r.rolcreaterole))
           or exists (
               select 1
                 from pg_catalog.pg_namespace s
                 join pg_catalog.pg_proc p on p.pronamespace = s.oid
                cross join lateral pg_catalog.aclexplode(p.proacl) a
                 join pg_catalog.pg_roles r on r.oid = a.grantee
                where s.nspname = n.name and r.rolname = k.role_name) as granted,
       exists (
           select 1
             from pg_catalog.pg_namespace s
             join pg_catalog.pg_depend d
               on d.deptype = 'e'
                  and (d.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass and d.objid = s.oid
                       or d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
                          and exists (select 1 from pg_catalog.pg_proc p where p.oid = d.objid and p.pronamespace = s.oid))
            where s.nspname = n.name) as extension,
       pg_catalog.to_regclass('londiste_rs.component') is not null as has_record
  from pg_catalog.unnest($1::text[]) as n (name)
  left join (values ('londiste_rs', 'pgq_writer'), ('pgq', 'pgq_writer'), ('pgq_ext', 'pgq_writer'),
                    ('pgq_coop', 'pgq_reader'), ('pgq_node', 'pgq_admin'), ('londiste', 'londiste_writer')
            ) k (name, role_name) on k.name = n.name
