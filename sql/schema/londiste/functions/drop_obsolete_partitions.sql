-- drop_obsolete_partitions(3): drops the partitions of a table that lie wholly before the retention period.
--
-- Parameters: as list_obsolete_partitions.
-- Returns: quoted names of what was dropped.
-- Locks: what is dropped, ACCESS EXCLUSIVE.
create or replace function londiste.drop_obsolete_partitions(
    i_parent_table      text,
    i_retention_period  interval,
    i_partition_period  text)
returns setof text as $$
declare
    part    text;
begin
    for part in
        select f from londiste.list_obsolete_partitions(i_parent_table, i_retention_period, i_partition_period) f
    loop
        execute 'drop table ' || part;
        return next part;
    end loop;
end;
$$ language plpgsql;
