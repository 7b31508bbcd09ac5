-- What is to be done with events that cannot be applied, and whether some are parked, for the tables of a queue that have
-- either.
-- $1 text      queue name
-- Returns rows: table_name text, on_error text (null = as the job file says), is_parked bool.
select coalesce(p.table_name, e.table_name) as table_name, p.on_error, e.table_name is not null as is_parked
  from (select table_name, on_error from londiste_rs.table_policy where queue_name = $1::text) p
  full join (select distinct table_name from londiste_rs.parked_event where queue_name = $1::text) e
    on e.table_name = p.table_name
 order by 1
