-- Limits of readers. Needs schema londiste_rs.
-- $1 text      queue name, null = all
-- $2 text      consumer name, null = all
-- Returns one row per limit, by queue and consumer: queue_name, consumer_name text ('*' = readers without one of their
-- own), max_age text (interval), max_events, max_bytes int8 (null = none), action text.
select l.queue_name, l.consumer_name, l.max_age::text as max_age, l.max_events, l.max_bytes, l.action
  from londiste_rs.queue_limit l
 where ($1::text is null or l.queue_name = $1::text) and ($2::text is null or l.consumer_name = $2::text)
 order by l.queue_name, l.consumer_name
