-- What replay has to know about a local table.
-- $1 text      schema name, unquoted
-- $2 text      table name, unquoted
-- Returns one row per live column, no row when there is no such table: relkind text, attname text, generated bool,
-- identity_always bool, type_name text (for a cast, without length; of a domain the type below it, for a cast to a domain
-- would cut a value that is too long), composite bool, type_oid oid, modifier int4,
-- is_enum bool, deterministic bool (its collation), counts bool (it takes a new value from a sequence when none is given),
-- own_cast bool (a text is cast to its type by a function, which may read it otherwise than the type's input does);
-- and on each row the same facts of the table: fires bool (triggers or rules act on changes of a session in this role),
-- foreign_rows bool (some of its rows are on another server), unique_keys text[] (each immediate, complete unique index
-- as a JSON array of its columns), lineage oid[] (the table, and the partitioned tables that it is a part of).
select c.relkind::text as relkind, a.attname::text as attname, a.attgenerated <> '' as generated,
       a.attidentity = 'a' as identity_always,
       pg_catalog.format_type((
           with recursive below as (
                select t.oid, t.typtype, t.typbasetype
                 union all
                select b.oid, b.typtype, b.typbasetype
                  from below join pg_catalog.pg_type b on b.oid = below.typbasetype
                 where below.typtype = 'd'
           ) select below.oid from below where below.typtype <> 'd'), -1) as type_name,
       t.typtype = 'c' as composite, a.atttypid as type_oid, a.atttypmod as modifier, t.typtype = 'e' as is_enum,
       coalesce(l.collisdeterministic, true) as deterministic,
       a.attidentity <> '' or (a.attgenerated = '' and d.adbin is not null
                               and pg_catalog.pg_get_expr(d.adbin, d.adrelid) like '%nextval(%') as counts,
       t.typtype = 'd' and exists (select 1 from pg_catalog.pg_type b where b.oid = t.typbasetype and b.typtype = 'd')
       or exists (select 1 from pg_catalog.pg_cast k
                   where k.castsource = 'pg_catalog.text'::pg_catalog.regtype and k.castfunc <> 0
                     and k.casttarget in (t.oid, t.typbasetype)) as own_cast,
       facts.fires, facts.foreign_rows, facts.unique_keys, facts.lineage
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  join pg_catalog.pg_type t on t.oid = a.atttypid
  left join pg_catalog.pg_collation l on l.oid = a.attcollation
  left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  cross join lateral (
       select (select array_agg(p.relid::oid) || c.oid from pg_catalog.pg_partition_tree(c.oid) p) as parts,
              case when pg_catalog.current_setting('session_replication_role') = 'replica' then 'R' else 'O' end as role
  ) whole
  cross join lateral (
       select exists (select 1 from pg_catalog.pg_trigger g
                       where g.tgrelid = any (whole.parts) and g.tgenabled::text in ('A', whole.role)
                          -- the queue's own ones let a session pass that replays without the replica's role
                          and (g.tgname not like '\_londiste\_%' or g.tgenabled = 'A' or whole.role = 'R'))
              or exists (select 1 from pg_catalog.pg_rewrite r
                          where r.ev_class = any (whole.parts) and r.ev_type <> '1'
                            and r.ev_enabled::text in ('A', whole.role)) as fires,
              exists (select 1 from pg_catalog.pg_class f
                       where f.oid = any (whole.parts) and f.relkind = 'f') as foreign_rows,
              case when c.relispartition
                   then array(select p.relid::pg_catalog.oid from pg_catalog.pg_partition_ancestors(c.oid) p (relid))
                   else array[c.oid]
              end as lineage,
              array(select (select pg_catalog.json_agg(k.attname order by k.attnum)
                              from pg_catalog.pg_attribute k
                             where k.attrelid = i.indrelid and k.attnum = any (columns.numbers))::text
                      from pg_catalog.pg_index i
                      cross join lateral (
                           select array_agg(i.indkey[s]) as numbers
                             from pg_catalog.generate_series(0, i.indnkeyatts - 1) s
                      ) columns
                     where i.indrelid = c.oid and i.indisunique and i.indimmediate and i.indisvalid
                       and i.indpred is null and not 0 = any (columns.numbers)
                     order by 1) as unique_keys
  ) facts
 where n.nspname = $1::text and c.relname = $2::text and c.relkind in ('r', 'p', 'f', 'v')
 order by a.attnum
