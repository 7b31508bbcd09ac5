-- Records a schema as ours, with its version; leaves a record alone that says so already.
-- $1 text      schema name
-- $2 text      version
-- Returns nothing.
insert into londiste_rs.component (schema_name, version)
values ($1::text, $2::text)
on conflict (schema_name) do update set version = excluded.version
    where component.version is distinct from excluded.version
