-- The current event table of a combined queue.
-- $1 text      queue name
-- Returns one row: table_name text, unquoted. Fails when the queue is closed and this session may not replay into it.
select pgq.current_event_table($1::text) as table_name
