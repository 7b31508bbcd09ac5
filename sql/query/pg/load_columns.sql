-- The live columns of a relation in their order. Type names and expressions are qualified as search_path says.
-- Attributes that only newer servers have are read through jsonb, so that one text serves all versions.
-- $1 oid       relation
-- Returns rows: name, number, type_name (with modifier), type_oid, not_null, default_sql (null = none; the expression
-- of a generated column too), default_needs_objects (the expression uses a sequence or function that is
-- not built in), generated ('' no, s stored, v virtual), identity ('' no, a always, d by default), collation (quoted;
-- null = the type's own), storage (null = the type's own), compression (null = the default), statistics (null = the
-- default), options (n_distinct and its kin; what the server keeps there for itself is left out), comment.
select a.attname::text as name, a.attnum as number,
       pg_catalog.format_type(a.atttypid, a.atttypmod) as type_name, a.atttypid as type_oid,
       a.attnotnull as not_null,
       pg_catalog.pg_get_expr(d.adbin, d.adrelid) as default_sql,
       exists (select 1
                 from pg_catalog.pg_depend p
                where p.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
                  and p.objid = d.oid
                  and p.refclassid <> 'pg_catalog.pg_type'::pg_catalog.regclass
                  and not (p.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
                           and p.refobjid = a.attrelid)) as default_needs_objects,
       coalesce(j.j ->> 'attgenerated', '') as generated,
       coalesce(j.j ->> 'attidentity', '') as identity,
       case when a.attcollation <> t.typcollation
            then (select pg_catalog.quote_ident(cn.nspname) || '.' || pg_catalog.quote_ident(l.collname)
                    from pg_catalog.pg_collation l
                    join pg_catalog.pg_namespace cn on cn.oid = l.collnamespace
                   where l.oid = a.attcollation)
       end as collation,
       case when a.attstorage <> t.typstorage then a.attstorage::text end as storage,
       nullif(j.j ->> 'attcompression', '') as compression,
       case when (j.j ->> 'attstattarget')::int4 >= 0 then (j.j ->> 'attstattarget')::int4 end as statistics,
       array(select o from pg_catalog.unnest(a.attoptions) o where o like 'n\_distinct%') as options,
       pg_catalog.col_description(a.attrelid, a.attnum) as comment
  from pg_catalog.pg_attribute a
  join pg_catalog.pg_type t on t.oid = a.atttypid
  left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  cross join lateral (select pg_catalog.to_jsonb(a) - 'attmissingval' as j) j
 where a.attrelid = $1::oid
   and a.attnum > 0
   and not a.attisdropped
 order by a.attnum
