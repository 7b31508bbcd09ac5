-- Whether plans can be recorded in this database.
-- Returns one row: there bool.
select pg_catalog.to_regclass('londiste_rs.plan') is not null as there
