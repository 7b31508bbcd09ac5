-- Stores the limit of a reader in place of the one it has.
-- $1 text      queue name
-- $2 text      consumer name, '*' = readers without a limit of their own
-- $3 text      most age (interval), null = none
-- $4 int8      most events, null = none
-- $5 int8      most bytes, null = none
-- $6 text      warn, detach
insert into londiste_rs.queue_limit (queue_name, consumer_name, max_age, max_events, max_bytes, action)
values ($1::text, $2::text, ($3::text)::interval, $4::int8, $5::int8, $6::text)
on conflict on constraint queue_limit_pkey do update
   set max_age = excluded.max_age, max_events = excluded.max_events, max_bytes = excluded.max_bytes,
       action = excluded.action
