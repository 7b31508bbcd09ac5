-- The node that a table is copied from has another name.
-- $1 text      queue name
-- $2 text      old name
-- $3 text      new name
-- Returns nothing.
update londiste_rs.copy_run r
   set source_node = $3::text
 where r.queue_name = $1::text and r.source_node = $2::text
