-- Local name of a replicated table or sequence, if it is attached on this node.
-- $1 text      queue name
-- $2 text      kind: table, sequence
-- $3 text      global name, schema.name
-- Returns at most one row: dest text.
select coalesce(t.dest_table, t.table_name) as dest
  from londiste.table_info t
 where $2::text = 'table' and t.queue_name = $1::text and t.table_name = $3::text and t.local
union all
select s.seq_name as dest
  from londiste.seq_info s
 where $2::text = 'sequence' and s.queue_name = $1::text and s.seq_name = $3::text and s.local
