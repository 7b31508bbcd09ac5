-- What the digest of a row depends on.
-- Returns one row: major int4 (version of the server), encoding text (of the database).
select pg_catalog.current_setting('server_version_num')::int4 / 10000 as major,
       pg_catalog.current_setting('server_encoding') as encoding
