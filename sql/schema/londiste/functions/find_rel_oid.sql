-- find_rel_oid(2): finds a relation by its unquoted name and kind.
--
-- Parameters:
--   i_fqname            unquoted name
--   i_kind              letter of pg_class.relkind
-- Returns: oid, or null.
create or replace function londiste.find_rel_oid(i_fqname text, i_kind text)
returns oid as $$
declare
    rel_oid     oid;
begin
    select c.oid into rel_oid
        from londiste.split_fqname(i_fqname) f, pg_catalog.pg_namespace n, pg_catalog.pg_class c
        where n.nspname = f.schema_part
          and c.relnamespace = n.oid
          and c.relname = f.name_part
          and c.relkind::text = i_kind;
    return rel_oid;
end;
$$ language plpgsql strict stable;
