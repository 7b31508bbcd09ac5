-- Whether the queues of this database or their settings have changed: any change of pgq.queue changes the result.
-- Returns one row: queues int8, versions int8.
select count(*) as queues, coalesce(sum(q.xmin::text::int8), 0)::int8 as versions
  from pgq.queue q
