-- What of PgQ and of our own schema this database has.
-- Returns one row: pgq bool, limits bool (londiste_rs with what limits and dead events need), pgq_coop bool, database text.
select pg_catalog.to_regclass('pgq.queue') is not null as pgq,
       pg_catalog.to_regclass('londiste_rs.dead_event') is not null as limits,
       exists (select 1 from pg_catalog.pg_namespace where nspname = 'pgq_coop') as pgq_coop,
       pg_catalog.current_database()::text as database
