-- Whether this database has the tables for parked events.
-- Returns one row: available bool.
select pg_catalog.to_regclass('londiste_rs.parked_event') is not null as available
