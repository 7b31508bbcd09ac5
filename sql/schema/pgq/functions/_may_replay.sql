create or replace function pgq._may_replay()
returns bool
language plpgsql stable as $$
-- ----------------------------------------------------------------------
-- Function: pgq._may_replay(0)
--
--      Tells whether this session may write into a queue that is closed for inserts.
--
-- Returns:
--      true when session_replication_role is replica, or when the setting londiste_rs.replay is on and the
--      session's user is a member of pgq_admin or owns table pgq.queue: that way needs no superuser
--
-- Ancestor: knows the first way only.
-- ----------------------------------------------------------------------
begin
    if pg_catalog.current_setting('session_replication_role') operator(pg_catalog.=) 'replica' then
        return true;
    end if;
    if pg_catalog.current_setting('londiste_rs.replay', true) operator(pg_catalog.=) 'on' then
        return exists (
            select 1
              from pg_catalog.pg_roles r
             where r.rolname operator(pg_catalog.=) 'pgq_admin'
               and pg_catalog.pg_has_role(session_user, r.oid, 'member')
        ) or exists (
            select 1
              from pg_catalog.pg_class c
             where c.oid operator(pg_catalog.=) pg_catalog.to_regclass('pgq.queue')
               and pg_catalog.pg_has_role(session_user, c.relowner, 'member')
        );
    end if;
    return false;
end;
$$;
