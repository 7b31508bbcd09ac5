-- Whether an object that a script asks for exists in this database.
-- $1 text      kind: table, sequence, view, schema, function
-- $2 text      schema name, unquoted; null = look along the search path and in pg_catalog
-- $3 text      object name, unquoted (for kind schema: the schema's name)
-- $4 int4      number of arguments, for kind function
-- Returns one row: found bool.
select case $1::text
       when 'schema' then exists (select 1 from pg_catalog.pg_namespace n where n.nspname = $3::text)
       when 'function' then exists (
            select 1 from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
             where p.proname = $3::text and p.pronargs = $4::int4
               and (n.nspname = $2::text or ($2::text is null and n.nspname in ('public', 'pg_catalog'))))
       else exists (
            select 1 from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
             where c.relname = $3::text and n.nspname = coalesce($2::text, 'public')
               and c.relkind = any (case $1::text when 'table' then array['r', 'p']::"char"[]
                                                  when 'sequence' then array['S']::"char"[]
                                                  else array['v', 'm']::"char"[] end))
       end as found
