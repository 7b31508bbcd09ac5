-- Tries to become the only one who carries out the plan of a queue: a session lock that ends with the connection.
-- $1 text      queue name
-- Returns one row: taken bool.
select pg_catalog.pg_try_advisory_lock(pg_catalog.hashtextextended('londiste plan ' || $1::text, 0)) as taken
