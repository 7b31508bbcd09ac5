-- Name of the database of this connection.
-- Returns one row: database text.
select pg_catalog.current_database()::text as database
