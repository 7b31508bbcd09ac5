-- Whether this database keeps the positions of readers that were taken off their queues.
-- Returns one row: present bool.
select pg_catalog.to_regclass('londiste_rs.detached_consumer') is not null as present
