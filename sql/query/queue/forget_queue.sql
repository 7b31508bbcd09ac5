-- Forgets limits, detached readers and dead events of a queue that is dropped; pgq.drop_queue of the ancestor leaves them
-- to the next queue of that name. Needs schema londiste_rs and the rights of pgq_admin.
-- $1 text      queue name
with limits as (
    delete from londiste_rs.queue_limit where queue_name = $1::text
), detached as (
    delete from londiste_rs.detached_consumer where queue_name = $1::text
)
delete from londiste_rs.dead_event where queue_name = $1::text
