-- Takes a parked event away.
-- $1 int8      park id
delete from londiste_rs.parked_event where park_id = $1::int8
