-- The cascade node of a queue. Needs schema pgq_node.
-- $1 text      queue name
-- Returns at most one row: node_name text, node_type text.
select n.node_name, n.node_type from pgq_node.get_node_info($1::text) n where n.node_name is not null
