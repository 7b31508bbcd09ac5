-- Forgets that a reader was detached, with the events that waited to be retried for it. Needs schema londiste_rs and
-- the rights of pgq_admin. Returns one row: forgotten, events int8.
-- $1 text      queue name
-- $2 text      consumer name
with forgotten as (
    delete from londiste_rs.detached_consumer where queue_name = $1::text and consumer_name = $2::text
    returning 1
), events as (
    delete from londiste_rs.dead_event where queue_name = $1::text and consumer_name = $2::text and is_detached
    returning 1
)
select (select count(*) from forgotten) as forgotten, (select count(*) from events) as events
