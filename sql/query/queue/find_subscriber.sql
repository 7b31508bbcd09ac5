-- Which node below reads with a consumer, or has it as its watermark. Needs schema pgq_node.
-- $1 text      queue name
-- $2 text      consumer name
-- Returns at most one row: subscriber_node text.
select i.node_name as subscriber_node
  from pgq_node.get_subscriber_info($1::text) i
 where $2::text in (i.worker_name, '.' || i.node_name || '.watermark')
 limit 1
