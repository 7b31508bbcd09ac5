-- The nodes that read from this one, with the consumers that they read with.
-- $1 text      queue name
-- Returns one row per subscriber: node_name text, worker_name text.
select s.node_name, s.worker_name
  from pgq_node.get_subscriber_info($1::text) s
 order by s.node_name
