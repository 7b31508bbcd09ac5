-- Consumers of copies that nobody works for any more: their table is ok, missing or not attached.
-- $1 text      queue name
-- $2 text      consumer name of the node's worker
-- Returns rows: consumer_name text, table_name text, provider_node text, provider_location text (null = unknown node).
select s.consumer_name, substr(s.consumer_name, length($2::text || '.copy.') + 1) as table_name,
       s.provider_node, l.node_location as provider_location
  from pgq_node.local_state s
  left join pgq_node.node_location l on l.queue_name = s.queue_name and l.node_name = s.provider_node
 where s.queue_name = $1::text and left(s.consumer_name, length($2::text || '.copy.')) = $2::text || '.copy.'
   and not exists (
        select 1 from londiste.table_info t
         where t.queue_name = s.queue_name and t.local
           and t.table_name = substr(s.consumer_name, length($2::text || '.copy.') + 1)
           and t.merge_state is not null and t.merge_state not in ('ok', '?'))
