-- find_column_types(1): one letter per column of a table, in order.
--
-- Parameters:
--   tbl                 unquoted name
-- Returns: k for a column of the primary key, v for another one; empty for an unknown table.
create or replace function londiste.find_column_types(tbl text)
returns text as $$
declare
    letters     text;
begin
    select string_agg(case when k.attnum is null then 'v' else 'k' end, '' order by a.attnum) into letters
        from pg_catalog.pg_attribute a
        left join (select i.indrelid, unnest(i.indkey) as attnum
                    from pg_catalog.pg_index i where i.indisprimary) k
            on (k.indrelid = a.attrelid and k.attnum = a.attnum)
        where a.attrelid = londiste.find_table_oid(tbl)
          and a.attnum > 0
          and not a.attisdropped;
    return coalesce(letters, '');
end;
$$ language plpgsql strict stable;
