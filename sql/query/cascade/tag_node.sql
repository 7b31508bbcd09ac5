-- Tags a member as dead or alive here, with the location that is known here; on a root the change travels down the queue.
-- (Ancestor: sends the event without the location, so a node that did not know the member does not learn of it.)
-- $1 text      queue name
-- $2 text      node name
-- $3 bool      whether the node is dead
-- Returns one row: ret_code int4, ret_note text. Locks node_info.
select r.ret_code, r.ret_note
  from pgq_node.register_location($1::text, $2::text,
           (select l.node_location from pgq_node.get_queue_locations($1::text) l where l.node_name = $2::text), $3::bool) r
