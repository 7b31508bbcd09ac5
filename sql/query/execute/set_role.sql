-- Changes the role of a transaction that applies rows; nothing where the session does without (londiste_rs.replay).
-- $1 text      replica or local
-- Returns at most one row: nothing.
select londiste.set_session_replication_role($1::text, true) as nothing
 where coalesce(pg_catalog.current_setting('londiste_rs.replay', true), '') <> 'on'
