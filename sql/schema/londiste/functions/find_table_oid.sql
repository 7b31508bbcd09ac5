-- find_table_oid(1): finds an ordinary table by its unquoted name.
--
-- Parameters:
--   tbl                 unquoted name
-- Returns: oid, or null (also for a partitioned table).
create or replace function londiste.find_table_oid(tbl text)
returns oid as $$
begin
    return londiste.find_rel_oid(tbl, 'r');
end;
$$ language plpgsql strict stable;
