-- What is known of the tables of a queue on a node, for putting single rows right.
-- $1 text      queue name
-- $2 text[]    names of tables in the queue
-- Returns rows: table_name text, local bool, merge_state text, table_attrs text, dest_table text, relation int8 (oid; null =
-- there is no such relation), columns text[] (without generated ones, by name), types text[] (of these), comparable text[]
-- (columns of types whose equal values are equal texts), unique_keys int4 (unique and exclusion indexes).
select t.table_name, t.local, t.merge_state, t.table_attrs, coalesce(t.dest_table, t.table_name) as dest_table,
       c.oid::int8 as relation,
       array(select a.attname::text
               from pg_catalog.pg_attribute a
              where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
              order by a.attname) as columns,
       array(select pg_catalog.format_type(a.atttypid, a.atttypmod)
               from pg_catalog.pg_attribute a
              where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
              order by a.attname) as types,
       array(select a.attname::text
               from pg_catalog.pg_attribute a
               left join pg_catalog.pg_collation l on l.oid = a.attcollation
              where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
                and a.atttypid in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'oid'::regtype, 'text'::regtype,
                                   'varchar'::regtype, 'uuid'::regtype, 'bool'::regtype, 'date'::regtype)
                and coalesce(l.collisdeterministic, true)) as comparable,
       (select count(*)::int4 from pg_catalog.pg_index i
         where i.indrelid = c.oid and (i.indisunique or i.indisexclusion)) as unique_keys
  from londiste.get_table_list($1::text) t
  left join pg_catalog.pg_class c on c.oid = londiste.find_table_oid(coalesce(t.dest_table, t.table_name))
 where t.table_name = any ($2::text[])
 order by t.table_name
