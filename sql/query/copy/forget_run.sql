-- Forgets what is kept of a table's copies in ranges.
-- $1 text      queue name
-- $2 text      global table name
with gone as (
    delete from londiste_rs.copy_run
     where queue_name = $1::text and table_name = $2::text
    returning copy_id
), ranges as (
    delete from londiste_rs.copy_range r using gone where r.copy_id = gone.copy_id
)
delete from londiste_rs.copy_object o using gone where o.copy_id = gone.copy_id
