-- Ends the subscription of a node here, with its two consumers.
-- $1 text      queue name
-- $2 text      subscriber node
-- Returns one row: ret_code int4 (304 = there was none), ret_note text.
select r.ret_code, r.ret_note
  from pgq_node.unregister_subscriber($1::text, $2::text) r
