-- The nodes that read from this one.
-- $1 text      queue name
-- Returns one row per subscriber, by name: node_name text, worker_name text (the consumer that it reads with),
-- watermark int8 (how far its subtree is done).
select s.node_name, s.worker_name, s.node_watermark as watermark
  from pgq_node.get_subscriber_info($1::text) s
 order by s.node_name
