-- Whether a session of this name is connected to this database. Without the right to see other roles' sessions their
-- names are hidden, and the answer is no.
-- $1 text      application_name
-- Returns one row: is_running.
select exists (select 1
                 from pg_catalog.pg_stat_activity a
                where a.datname = pg_catalog.current_database()
                  and a.application_name = $1::text) as is_running
