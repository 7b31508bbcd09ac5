-- The names of all roles of the server.
-- Returns rows: name.
select r.rolname::text as name
  from pg_catalog.pg_roles r
