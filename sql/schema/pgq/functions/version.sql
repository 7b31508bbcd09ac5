create or replace function pgq.version()
returns text
language plpgsql set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq.version(0)
--
--      The version of the ancestor's schema whose behaviour this one has.
--
-- Returns:
--      '3.5.2'. Our own version is in londiste_rs.component.
--
-- Ancestor: null unless installed as an extension, and pgqd then ignores the database.
-- ----------------------------------------------------------------------
begin
    return '3.5.2';
end;
$$;
