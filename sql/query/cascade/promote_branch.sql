-- Makes this branch the root.
-- $1 text      queue name
-- Returns one row: ret_code int4, ret_note text.
select r.ret_code, r.ret_note
  from pgq_node.promote_branch($1::text) r
