-- Nodes that read from this one, with the consumers by which they do.
-- $1 text      queue name
-- Returns rows: node_name text, worker_name text.
select s.node_name, s.worker_name
  from pgq_node.get_subscriber_info($1::text) s
