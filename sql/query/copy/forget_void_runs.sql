-- Forgets what is kept of copies in ranges whose table was taken out of them (by resync, remove-table, or the ancestor's
-- programs).
-- $1 text      queue name
with gone as (
    delete from londiste_rs.copy_run r
     where r.queue_name = $1::text
       and not exists (
           select 1
             from londiste.table_info t
            where t.queue_name = r.queue_name and t.table_name = r.table_name
              and t.local and t.merge_state = 'in-copy'
              and pg_catalog.split_part(t.dropped_ddl, E'\n', 1) = '-- londiste_rs.copy_run ' || r.copy_id)
    returning copy_id
), ranges as (
    delete from londiste_rs.copy_range r using gone where r.copy_id = gone.copy_id
)
delete from londiste_rs.copy_object o using gone where o.copy_id = gone.copy_id
