-- Copies of a node that read from a certain other one.
-- $1 text      queue name
-- $2 text      consumer name of the node's worker
-- $3 text      the other node
-- Returns rows: consumer_name text, table_name text.
select s.consumer_name, substr(s.consumer_name, length($2::text || '.copy.') + 1) as table_name
  from pgq_node.local_state s
 where s.queue_name = $1::text and s.provider_node = $3::text
   and left(s.consumer_name, length($2::text || '.copy.')) = $2::text || '.copy.'
