-- The nodes that read from this one.
-- $1 text      queue name
-- Returns one row per subscriber, by name: node_name text.
select s.node_name
  from pgq_node.get_subscriber_info($1::text) s
 order by s.node_name
