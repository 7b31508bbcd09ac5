-- is_obsolete_partition(3): tells by its name whether a partition lies wholly before the retention period.
--
-- Parameters:
--   i_partition_table   name that ends in _YYYY, _YYYY_MM, _YYYY_MM_DD or _YYYY_MM_DD_HH
--   i_retention_period  how long partitions are kept
--   i_partition_period  year, month, day or hour (or yearly ...)
-- Returns: true or false; null when the name does not have the form of that period; error for another period.
create or replace function londiste.is_obsolete_partition(
    i_partition_table   text,
    i_retention_period  interval,
    i_partition_period  text)
returns boolean as $$
declare
    name_pattern    text;
    date_format     text;
begin
    if i_partition_period in ('year', 'yearly') then
        name_pattern := '_[0-9]{4}';
        date_format := '_YYYY';
    elsif i_partition_period in ('month', 'monthly') then
        name_pattern := '_[0-9]{4}_[0-9]{2}';
        date_format := '_YYYY_MM';
    elsif i_partition_period in ('day', 'daily') then
        name_pattern := '_[0-9]{4}_[0-9]{2}_[0-9]{2}';
        date_format := '_YYYY_MM_DD';
    elsif i_partition_period in ('hour', 'hourly') then
        name_pattern := '_[0-9]{4}_[0-9]{2}_[0-9]{2}_[0-9]{2}';
        date_format := '_YYYY_MM_DD_HH24';
    else
        raise exception 'not supported i_partition_period: %', i_partition_period;
    end if;

    if i_partition_table !~ (name_pattern || '$') then
        return null;
    end if;
    return substring(i_partition_table from name_pattern || '$') collate "C"
            < to_char(now() - i_retention_period, date_format);
end;
$$ language plpgsql;
