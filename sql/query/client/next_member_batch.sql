-- Opens the next batch of a member of a cooperative consumer, or finds the one that is open.
-- $1 text      queue name
-- $2 text      consumer name
-- $3 text      member name
-- $4 text      least lag behind the queue's top (interval), null = none
-- $5 int4      least number of events, null = none
-- $6 text      least time span of the batch (interval), null = none
-- $7 text      a member not heard of for that long is dead (interval), null = never
-- Returns one row: batch_id int8 (null = nothing to do). Locks the group's subscription row.
select pgq_coop.next_batch_custom($1::text, $2::text, $3::text, ($4::text)::interval, $5::int4, ($6::text)::interval,
                                  ($7::text)::interval) as batch_id
