-- Forgets a sequence of the queue on this node.
-- $1 text      queue name
-- $2 text      sequence name
-- Returns one row: ret_code int4, ret_note text.
select r.ret_code, r.ret_note
  from londiste.global_remove_seq($1::text, $2::text) r
