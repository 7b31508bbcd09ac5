-- Whether row changes of this database are captured by our triggers, which log a changed key as a delete and an insert.
-- Returns one row: is_ours bool.
select exists (select 1 from londiste_rs.component where schema_name = 'pgq') as is_ours
