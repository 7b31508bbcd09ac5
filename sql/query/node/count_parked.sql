-- How many events were put aside on this node.
-- $1 text      queue name
-- Returns one row: parked int8.
select count(*) as parked
  from londiste_rs.parked_event e
 where e.queue_name = $1::text
