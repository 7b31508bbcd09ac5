-- The stream that a node followed is the same under its provider's new name.
-- $1 text      queue name
-- $2 text      old name
-- $3 text      new name
-- Returns nothing.
update londiste_rs.stream_position p
   set provider_node = $3::text
 where p.queue_name = $1::text and p.provider_node = $2::text
