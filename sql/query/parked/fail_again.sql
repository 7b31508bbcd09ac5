-- Notes that a parked event could not be applied once more.
-- $1 int8      park id
-- $2 text      sqlstate
-- $3 text      reason
update londiste_rs.parked_event
   set tries = tries + 1, sqlstate = $2::text, reason = $3::text
 where park_id = $1::int8
