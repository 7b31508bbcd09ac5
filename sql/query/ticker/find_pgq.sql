-- Whether this database has the queue.
-- Returns one row: present bool (there is a function pgq.version()), maintained bool (there is pgq.maint_operations(), as
-- in all versions 3.x).
select exists (select 1
                 from pg_catalog.pg_namespace n
                 join pg_catalog.pg_proc p on p.pronamespace = n.oid
                where n.nspname = 'pgq' and p.proname = 'version' and p.pronargs = 0) as present,
       exists (select 1
                 from pg_catalog.pg_namespace n
                 join pg_catalog.pg_proc p on p.pronamespace = n.oid
                where n.nspname = 'pgq' and p.proname = 'maint_operations' and p.pronargs = 0) as maintained
