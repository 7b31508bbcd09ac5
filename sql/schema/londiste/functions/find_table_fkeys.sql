-- find_table_fkeys(1): lists the foreign keys from and to a table that are in force.
--
-- Parameters:
--   i_table_name        local name
-- Returns: rows as of londiste.pending_fkeys; fkey_def is a complete statement with qualified names.
-- Ancestor: leaves schemas out of fkey_def that the caller's search_path has.
create or replace function londiste.find_table_fkeys(i_table_name text)
returns setof londiste.pending_fkeys as $$
begin
    return query
        select fn.nspname || '.' || f.relname, tn.nspname || '.' || t.relname, k.conname::text,
            'alter table only ' || quote_ident(fn.nspname) || '.' || quote_ident(f.relname)
                || ' add constraint ' || quote_ident(k.conname) || ' ' || pg_get_constraintdef(k.oid)
        from pg_constraint k, pg_class f, pg_namespace fn, pg_class t, pg_namespace tn,
            londiste.find_table_oid(i_table_name) o (oid)
        where k.contype = 'f'
          and k.conparentid = 0
          and (k.conrelid = o.oid or k.confrelid = o.oid)
          and f.oid = k.conrelid and fn.oid = f.relnamespace
          and t.oid = k.confrelid and tn.oid = t.relnamespace
        order by 1, 3;
end;
$$ language plpgsql strict stable set search_path = pg_catalog, pg_temp;
