-- The database side as text, one line per thing: tables with their columns, keys and indexes, sequences, types,
-- functions with arguments, result, rights and who may run them. Equal on all versions of the server.
-- Not told: usual owners, texts of functions (they are in sql/schema), NOT NULL constraints as such (columns tell them).
with spaces as (
    select n.oid, n.nspname::text as name, n.nspowner as owner
      from pg_namespace n
     where n.nspname in ('pgq', 'pgq_node', 'pgq_ext', 'pgq_coop', 'londiste', 'londiste_rs')
), relations as (
    select c.oid, c.relkind, c.relacl, s.name || '.' || quote_ident(c.relname) as name
      from pg_class c join spaces s on s.oid = c.relnamespace
), lines (space, kind, item, part, number, line) as (
    select r.name, 1, r.name, 0, 0, case r.relkind when 'v' then 'view ' else 'table ' end || r.name
      from relations r where r.relkind in ('r', 'p', 'v')
    union all
    select r.name, 1, r.name, 1, a.attnum,
           '    ' || quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod)
               || case when a.attnotnull then ' not null' else '' end
               || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')
      from relations r
      join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
      left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
     where r.relkind in ('r', 'p', 'v')
    union all
    select r.name, 1, r.name, 2, 0, '    constraint ' || quote_ident(c.conname) || ' ' || pg_get_constraintdef(c.oid)
      from relations r join pg_constraint c on c.conrelid = r.oid and c.contype <> 'n'
    union all
    select r.name, 1, r.name, 3, 0, '    ' || pg_get_indexdef(i.indexrelid)
      from relations r join pg_index i on i.indrelid = r.oid
     where not exists (select 1 from pg_constraint c where c.conindid = i.indexrelid)
    union all
    select r.name, 1, r.name, 4, 0, '    ' || pg_get_triggerdef(t.oid)
      from relations r join pg_trigger t on t.tgrelid = r.oid and not t.tgisinternal
    union all
    select r.name, 1, r.name, 5, 0,
           '    to ' || g.who || ': ' || string_agg(lower(g.what), ', ' order by g.what collate "C")
      from relations r
      cross join lateral (
           select coalesce(u.rolname, 'public')::text as who, x.privilege_type as what
             from pg_class c, aclexplode(c.relacl) x left join pg_roles u on u.oid = x.grantee
            where c.oid = r.oid and x.grantee <> c.relowner) g
     where r.relkind in ('r', 'p', 'v')
     group by r.name, g.who
    union all
    select r.name, 2, r.name, 0, 0, 'sequence ' || r.name
      from relations r where r.relkind = 'S'
    union all
    select s.name, 3, s.name || '.' || t.typname, 0, 0,
           'type ' || s.name || '.' || quote_ident(t.typname) || ' ('
               || (select string_agg(quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod), ', '
                                     order by a.attnum)
                     from pg_attribute a where a.attrelid = t.typrelid and a.attnum > 0) || ')'
      from pg_type t join spaces s on s.oid = t.typnamespace join pg_class c on c.oid = t.typrelid
     where c.relkind = 'c'
    union all
    select s.name, 4, s.name || '.' || p.proname, 0, p.pronargs,
           'function ' || s.name || '.' || quote_ident(p.proname) || '(' || pg_get_function_arguments(p.oid) || ')'
               || coalesce(' returns ' || pg_get_function_result(p.oid), '')
               || case p.provolatile when 'i' then ' immutable' when 's' then ' stable' else '' end
               || case when p.proisstrict then ' strict' else '' end
               || case when p.prosecdef then ' security definer' else '' end
               || case when p.proowner <> s.owner then ' of ' || pg_get_userbyid(p.proowner) else '' end
               || coalesce(' to ' || g.who, '')
      from pg_proc p
      join spaces s on s.oid = p.pronamespace
      cross join lateral (
           select string_agg(coalesce(u.rolname, 'public'), ', ' order by coalesce(u.rolname, 'public') collate "C") as who
             from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) x left join pg_roles u on u.oid = x.grantee
            where x.grantee not in (p.proowner, s.owner) and x.privilege_type = 'EXECUTE') g
)
select line
  from lines
 order by split_part(space, '.', 1) collate "C", kind, item collate "C", part, number, line collate "C";
