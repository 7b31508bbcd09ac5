-- Gives the node of this database another name. Its location under that name must be known here. May be run again.
-- $1 text      queue name
-- $2 text      old name
-- $3 text      new name
-- Returns nothing. Locks the node.
update pgq_node.node_info n
   set node_name = $3::text
 where n.queue_name = $1::text and n.node_name = $2::text
