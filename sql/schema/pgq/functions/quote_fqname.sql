create or replace function pgq.quote_fqname(i_name text)
returns text
language plpgsql immutable strict as $$
-- ----------------------------------------------------------------------
-- Function: pgq.quote_fqname(1)
--
--      Quotes a name that is stored as unquoted schema dot name.
--
-- Parameters:
--      i_name  - name; everything before the first dot is the schema, "public" when there is no dot
--
-- Returns:
--      both parts quoted where needed, with a dot between
-- ----------------------------------------------------------------------
declare
    v_dot integer := pg_catalog.strpos(i_name, '.');
begin
    if v_dot operator(pg_catalog.>) 0 then
        return pg_catalog.quote_ident(pg_catalog.substr(i_name, 1, v_dot operator(pg_catalog.-) 1)) operator(pg_catalog.||) '.'
            operator(pg_catalog.||) pg_catalog.quote_ident(pg_catalog.substr(i_name, v_dot operator(pg_catalog.+) 1));
    end if;
    return 'public.' operator(pg_catalog.||) pg_catalog.quote_ident(i_name);
end;
$$;
