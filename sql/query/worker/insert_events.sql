-- Puts events that came from elsewhere into a queue, for a role that may not write to event tables.
-- $1 text      queue name
-- $2 int8[]    their ids; null: the queue gives new ones
-- $3 text[]    times (timestamptz)
-- $4 text[]    types
-- $5 text[]    data
-- $6 text[]    extra1
-- $7 text[]    extra2
-- $8 text[]    extra3
-- $9 text[]    extra4
-- Returns one row: the number of events int8.
select londiste_rs.insert_events($1::text, $2::int8[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                                 $8::text[], $9::text[])
