create or replace function pgq_ext.version()
returns text
language plpgsql as $$
-- ----------------------------------------------------------------------
-- Function: pgq_ext.version(0)
--
--      The version of the ancestor's schema whose behaviour this one has.
--
-- Returns:
--      '3.3'. Our own version is in londiste_rs.component.
-- ----------------------------------------------------------------------
begin
    return '3.3';
end;
$$;
