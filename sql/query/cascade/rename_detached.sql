-- The subscriber that was detached has another name.
-- $1 text      queue name
-- $2 text      old name
-- $3 text      new name
-- Returns nothing.
update londiste_rs.detached_consumer d
   set node_name = $3::text, watermark_name = '.' || $3::text || '.watermark'
 where d.queue_name = $1::text and d.node_name = $2::text
