-- The constraints of a table, keys first. NOT NULL marks are properties of columns, trigger constraints are triggers.
-- $1 oid       table
-- Returns rows: name, kind (p primary key, u unique, x exclusion, c check, f foreign key), definition, columns (in key
-- order; empty for expressions), index (oid of the index that carries it, 0 = none), validated, is_inherited (it comes
-- from a parent and cannot be dropped here), foreign_table (quoted; null for other kinds), comment, is_pinned
-- (something other than a foreign key, such as a view, needs it).
select c.conname::text as name, c.contype::text as kind,
       pg_catalog.pg_get_constraintdef(c.oid) as definition,
       array(select a.attname::text
               from pg_catalog.unnest(c.conkey) with ordinality as k (attnum, pos)
               join pg_catalog.pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.attnum
              order by k.pos) as columns,
       case when c.contype in ('p', 'u', 'x') then c.conindid else 0::oid end as index,
       c.convalidated as validated,
       (c.coninhcount > 0) as is_inherited,
       (select pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(f.relname)
          from pg_catalog.pg_class f
          join pg_catalog.pg_namespace n on n.oid = f.relnamespace
         where f.oid = c.confrelid) as foreign_table,
       pg_catalog.obj_description(c.oid, 'pg_constraint') as comment,
       exists (select 1
                 from pg_catalog.pg_depend p
                where p.refclassid = 'pg_catalog.pg_constraint'::pg_catalog.regclass
                  and p.refobjid = c.oid
                  and p.deptype = 'n'
                  and p.classid <> 'pg_catalog.pg_constraint'::pg_catalog.regclass) as is_pinned
  from pg_catalog.pg_constraint c
 where c.conrelid = $1::oid
   and c.contype in ('p', 'u', 'x', 'c', 'f')
 order by pg_catalog.strpos('puxcf', c.contype::text), c.conname
