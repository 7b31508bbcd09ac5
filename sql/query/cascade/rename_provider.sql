-- Tells the consumers of this node that their provider has another name, whose location must be known here; they look at
-- it before they work on. May be run again.
-- $1 text      queue name
-- $2 text      old name
-- $3 text      new name
-- Returns nothing. Locks the consumers' rows.
update pgq_node.local_state s
   set provider_node = $3::text, uptodate = false
 where s.queue_name = $1::text and s.provider_node = $2::text
