create or replace function pgq_coop.version()
returns text
language plpgsql as $$
-- ----------------------------------------------------------------------
-- Function: pgq_coop.version(0)
--
--      The version of the ancestor's schema whose behaviour this one has.
--
-- Returns:
--      '3.4'. Our own version is in londiste_rs.component.
-- ----------------------------------------------------------------------
begin
    return '3.4';
end;
$$;
