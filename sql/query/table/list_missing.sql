-- What could be added on this node.
-- $1 text      queue name
-- Returns rows: obj_kind (r table, S sequence, p partitioned table), obj_name.
select m.obj_kind, m.obj_name
  from londiste.local_show_missing($1::text) m
