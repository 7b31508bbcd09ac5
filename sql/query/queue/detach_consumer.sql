-- Takes a reader off its queue and keeps its position.
-- $1 text      queue name
-- $2 text      consumer name
-- $3 text      reason
-- $4 int8      position at which it was judged, null = any
-- Returns one row: detached int4 (0 = it has moved, or is not subscribed).
select londiste_rs.detach_consumer($1::text, $2::text, $3::text, $4::int8) as detached
