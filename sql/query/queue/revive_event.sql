-- Gives dead events back to their reader.
-- $1 text      queue name
-- $2 text      consumer name
-- $3 int8      event, null = all
-- Returns one row: revived int4.
select londiste_rs.revive_event($1::text, $2::text, $3::int8) as revived
