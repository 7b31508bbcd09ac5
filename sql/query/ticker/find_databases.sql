-- Databases of the cluster that can be connected to and are no templates.
-- Returns: datname text, by name.
select d.datname::text as datname
  from pg_catalog.pg_database d
 where d.datallowconn and not d.datistemplate
 order by 1
