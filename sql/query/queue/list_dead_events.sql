-- Events that their readers have given up. Needs schema londiste_rs and the rights of pgq_admin.
-- $1 text      queue name, null = all
-- $2 text      consumer name, null = all
-- $3 int8      most rows, null = all
-- Returns one row per event, by time of death: queue_name, consumer_name text, ev_id int8, reason text, died_seconds
-- float8 (ago), is_detached bool, ev_retry int4, ev_time, ev_type, ev_data, ev_extra1 .. ev_extra4 text.
select d.queue_name, d.consumer_name, d.ev_id, d.reason,
       extract(epoch from pg_catalog.now() - d.died_at)::float8 as died_seconds, d.is_detached, d.ev_retry,
       d.ev_time::text as ev_time, d.ev_type, d.ev_data, d.ev_extra1, d.ev_extra2, d.ev_extra3, d.ev_extra4
  from londiste_rs.dead_event d
 where ($1::text is null or d.queue_name = $1::text) and ($2::text is null or d.consumer_name = $2::text)
 order by d.died_at, d.ev_id
 limit $3::int8
