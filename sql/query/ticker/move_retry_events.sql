-- Puts retry events whose time has come back into their queues, at most as many as the function takes at once.
-- Returns one row: moved int8 (0 = nothing was due). Locks pgq.retry_queue against other movers.
select pgq.maint_retry_events()::int8 as moved
