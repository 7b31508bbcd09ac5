-- Sets search_path for the session, so that names in definitions come out qualified.
-- $1 text      the new value
-- Returns one row: the old value. Outlives the transaction unless that is rolled back.
select old.value
  from (select pg_catalog.current_setting('search_path') as value offset 0) old,
       lateral (select pg_catalog.set_config('search_path', $1::text, old.value is null) as done) new
 where new.done is not null
