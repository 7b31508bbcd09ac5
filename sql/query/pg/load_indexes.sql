-- The indexes of a table, those of constraints included.
-- $1 oid       table
-- Returns rows: oid, name, is_unique, is_primary, is_valid, is_partitioned_part (attached to the index of a partitioned
-- parent, cannot be dropped alone), is_clustered, is_replica_identity, options, tablespace (null = the database's),
-- method (access method), definition (the whole CREATE INDEX, with the tablespace that pg_get_indexdef leaves out),
-- tail (the part after the table's name, without tablespace), comment,
-- statistics (texts "column number:target" where a target was set).
select i.indexrelid as oid, ic.relname::text as name, i.indisunique as is_unique, i.indisprimary as is_primary,
       i.indisvalid as is_valid, ic.relispartition as is_partitioned_part,
       i.indisclustered as is_clustered, i.indisreplident as is_replica_identity,
       coalesce(ic.reloptions, '{}'::text[]) as options,
       (select s.spcname::text from pg_catalog.pg_tablespace s where s.oid = ic.reltablespace) as tablespace,
       am.amname::text as method,
       pg_catalog.left(d.bare, pg_catalog.length(d.bare) - pg_catalog.length(w.filter))
           || coalesce(' TABLESPACE ' || (select pg_catalog.quote_ident(s.spcname)
                                            from pg_catalog.pg_tablespace s
                                           where s.oid = ic.reltablespace), '')
           || w.filter as definition,
       pg_catalog.substr(
           d.bare,
           pg_catalog.length('CREATE ' || case when i.indisunique then 'UNIQUE ' else '' end || 'INDEX '
                             || pg_catalog.quote_ident(ic.relname) || ' ON '
                             || case when ic.relkind = 'I' then 'ONLY ' else '' end
                             || pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(tc.relname)
                             || ' ') + 1) as tail,
       pg_catalog.obj_description(i.indexrelid, 'pg_class') as comment,
       array(select a.attnum || ':' || (pg_catalog.to_jsonb(a) ->> 'attstattarget')
               from pg_catalog.pg_attribute a
              where a.attrelid = i.indexrelid
                and (pg_catalog.to_jsonb(a) ->> 'attstattarget')::int4 >= 0
              order by a.attnum) as statistics
  from pg_catalog.pg_index i
  join pg_catalog.pg_class ic on ic.oid = i.indexrelid
  join pg_catalog.pg_am am on am.oid = ic.relam
  join pg_catalog.pg_class tc on tc.oid = i.indrelid
  join pg_catalog.pg_namespace n on n.oid = tc.relnamespace
  cross join lateral (select pg_catalog.pg_get_indexdef(i.indexrelid) as bare) d
  cross join lateral (select coalesce(' WHERE ' || pg_catalog.pg_get_expr(i.indpred, i.indrelid), '') as filter) w
 where i.indrelid = $1::oid
 order by ic.relname
