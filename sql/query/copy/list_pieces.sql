-- The files of a table: its own, or those of its partitions. Asked after a snapshot was taken, the number of blocks
-- bounds what the snapshot can see.
-- $1 text      schema name, unquoted
-- $2 text      table name, unquoted
-- Returns rows by name: relation text (quoted), identity text (changes with every rewrite or TRUNCATE),
-- blocks int8, bytes int8 (long values included), plain bool (can be read in ranges by this role).
select pg_catalog.format('%I.%I', n.nspname, c.relname) as relation,
       pg_catalog.format('%s/%s', c.oid, coalesce(pg_catalog.pg_relation_filenode(c.oid), 0)) as identity,
       coalesce(pg_catalog.pg_relation_size(c.oid), 0)
           / pg_catalog.current_setting('block_size')::int8 as blocks,
       coalesce(pg_catalog.pg_table_size(c.oid), 0) as bytes,
       c.relkind = 'r' and (c.oid = top.oid or pg_catalog.has_table_privilege(c.oid, 'select')) as plain
  from (select t.oid, t.relkind
          from pg_catalog.pg_class t
          join pg_catalog.pg_namespace s on s.oid = t.relnamespace
         where s.nspname = $1::text and t.relname = $2::text) top
 cross join lateral (
       select top.oid as relid where top.relkind <> 'p'
        union all
       select p.relid from pg_catalog.pg_partition_tree(top.oid) p where top.relkind = 'p' and p.isleaf
       ) piece
  join pg_catalog.pg_class c on c.oid = piece.relid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 order by n.nspname, c.relname
