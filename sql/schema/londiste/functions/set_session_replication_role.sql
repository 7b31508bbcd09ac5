-- set_session_replication_role(2): sets the role that decides which triggers fire. Runs with the rights of its owner,
-- who needs to be a superuser or to hold SET on that parameter.
--
-- Parameters:
--   val                 origin, replica or local
--   is_local            true: until the end of the transaction; false: for the session
-- Returns: nothing; error for another value.
create or replace function londiste.set_session_replication_role(val text, is_local boolean)
returns void as $$
begin
    if val is null or val not in ('origin', 'replica', 'local') then
        raise exception 'bad value for session_replication_role';
    end if;
    perform set_config('session_replication_role', val, coalesce(is_local, true));
end;
$$ language plpgsql security definer set search_path = pg_catalog, pg_temp;
