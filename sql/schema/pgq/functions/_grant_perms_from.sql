create or replace function pgq._grant_perms_from(src_schema text, src_table text, dst_schema text, dst_table text)
returns int4
language plpgsql strict set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq._grant_perms_from(4)
--
--      Copies the grants of one table to another one, with grant options.
--
-- Parameters:
--      src_schema, src_table   - table to copy from
--      dst_schema, dst_table   - table to grant on
--
-- Returns:
--      1
--
-- Errors:
--      not owner of the second table
-- ----------------------------------------------------------------------
declare
    r record;
begin
    for r in
        select a.privilege_type, a.is_grantable,
               case when a.grantee = 0 then 'public' else pg_catalog.quote_ident(g.rolname) end as grantee
          from pg_catalog.pg_class c
          join pg_catalog.pg_namespace n on n.oid = c.relnamespace
          cross join lateral pg_catalog.aclexplode(c.relacl) a
          left join pg_catalog.pg_roles g on g.oid = a.grantee
         where n.nspname = src_schema
           and c.relname = src_table
           and a.grantee <> c.relowner
         order by 3, 1
    loop
        execute pg_catalog.format('grant %s on %I.%I to %s', r.privilege_type, dst_schema, dst_table, r.grantee)
            || case when r.is_grantable then ' with grant option' else '' end;
    end loop;
    return 1;
end;
$$;
