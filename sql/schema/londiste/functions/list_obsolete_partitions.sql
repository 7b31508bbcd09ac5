-- list_obsolete_partitions(3): lists the partitions of a table that lie wholly before the retention period.
--
-- Parameters:
--   i_parent_table      parent
--   i_retention_period  how long partitions are kept
--   i_partition_period  year, month, day or hour (or yearly ...)
-- Returns: quoted names; error for another period.
create or replace function londiste.list_obsolete_partitions(
    i_parent_table      text,
    i_retention_period  interval,
    i_partition_period  text)
returns setof text as $$
declare
    parent_schema   text;
    parent_name     text;
begin
    select f.schema_part, f.name_part into parent_schema, parent_name
        from londiste.split_fqname(i_parent_table) f;

    return query
        select quote_ident(n.nspname) || '.' || quote_ident(c.relname)
        from pg_catalog.pg_namespace n, pg_catalog.pg_class c
        where n.nspname = parent_schema
          and c.relnamespace = n.oid
          and c.relkind = 'r'
          and left(c.relname, length(parent_name)) = parent_name
          and substr(c.relname, length(parent_name) + 1) ~ '^(_[0-9]+)+$'
          and length(substr(c.relname, length(parent_name) + 1)) = case
                when i_partition_period in ('year', 'yearly') then 5
                when i_partition_period in ('month', 'monthly') then 8
                when i_partition_period in ('day', 'daily') then 11
                else 14 end
          and londiste.is_obsolete_partition(n.nspname || '.' || c.relname, i_retention_period, i_partition_period)
        order by 1;

    -- a period that nobody knows is an error even when there is no table
    perform londiste.is_obsolete_partition('', i_retention_period, i_partition_period);
end;
$$ language plpgsql;
