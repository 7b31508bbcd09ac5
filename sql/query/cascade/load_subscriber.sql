-- How a node is subscribed here.
-- $1 text      queue name
-- $2 text      subscriber node
-- Returns at most one row: worker_name text, watermark_name text.
select s.worker_name, s.watermark_name
  from pgq_node.subscriber_info s
 where s.queue_name = $1::text and s.subscriber_node = $2::text
   for update
