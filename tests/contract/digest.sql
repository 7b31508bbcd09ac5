-- Everything that installation may change, as one line per thing, whose row versions are part of it: not even an
-- update that leaves things as they are goes unseen.
with spaces as (
    select n.oid, n.nspname::text as name
      from pg_namespace n
     where n.nspname ~ '^(pgq|londiste)'
), relations as (
    select c.oid from pg_class c join spaces s on s.oid = c.relnamespace
)
select 'schema ' || n.nspname || ' ' || n.xmin || ' ' || n.oid || ' ' || coalesce(n.nspacl::text, '')
  from pg_namespace n join spaces s on s.oid = n.oid
union all
select 'function ' || p.oid::regprocedure || ' ' || p.xmin || ' ' || md5(pg_get_functiondef(p.oid)) || ' '
           || coalesce(p.proacl::text, '')
  from pg_proc p join spaces s on s.oid = p.pronamespace
union all
select 'relation ' || c.oid::regclass || ' ' || c.relkind::text || ' ' || c.oid || ' ' || c.relfilenode || ' '
           || coalesce(c.reloptions::text, '') || ' ' || coalesce(c.relacl::text, '')
  from pg_class c join relations r on r.oid = c.oid
union all
select 'column ' || a.attrelid::regclass || ' ' || a.attname || ' ' || a.xmin
  from pg_attribute a join relations r on r.oid = a.attrelid
union all
select 'constraint ' || c.conrelid::regclass || ' ' || c.conname || ' ' || c.xmin
  from pg_constraint c join relations r on r.oid = c.conrelid
union all
select 'default ' || d.adrelid::regclass || ' ' || d.adnum || ' ' || d.xmin
  from pg_attrdef d join relations r on r.oid = d.adrelid
union all
select 'trigger ' || t.tgrelid::regclass || ' ' || t.tgname || ' ' || t.xmin
  from pg_trigger t join relations r on r.oid = t.tgrelid
union all
select 'type ' || t.oid::regtype || ' ' || t.xmin
  from pg_type t join spaces s on s.oid = t.typnamespace
union all
select 'role ' || r.rolname from pg_roles r where r.rolname ~ '^(pgq|londiste)'
union all
select 'member ' || m.member::regrole || ' of ' || m.roleid::regrole
  from pg_auth_members m join pg_roles r on r.oid = m.member where r.rolname ~ '^(pgq|londiste)'
union all
select 'record ' || c.schema_name || ' ' || c.version || ' ' || c.xmin from londiste_rs.component c
order by 1;
