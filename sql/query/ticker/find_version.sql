-- Version of the queue's schema.
-- Returns one row: version text (null in a plain schema of the ancestor).
select pgq.version()::text as version
