-- Names of the queues of this database, and the cascade node that each belongs to.
-- Returns one row per queue, by name: queue_name text.
select q.queue_name from pgq.queue q order by q.queue_name
