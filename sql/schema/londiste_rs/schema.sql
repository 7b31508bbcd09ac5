-- ----------------------------------------------------------------------
-- Schema londiste_rs: what this program adds to a database beside the
-- ancestor's schemas. Installed before every other schema.
--
-- component      which of our schemas are installed here, and in which version.
--                A schema that the ancestor installed has no row.
-- rotation_wait  transactions that a half done queue rotation waits for
--                (see pgq.maint_rotate_tables_step2).
-- ----------------------------------------------------------------------

create schema if not exists londiste_rs;

create table if not exists londiste_rs.component (
    schema_name text primary key,
    version     text not null
);

create table if not exists londiste_rs.rotation_wait (
    queue_id     int4 primary key,
    switch_step1 int8 not null,
    waiting_for  text[] not null
);

grant usage on schema londiste_rs to public;
grant select on londiste_rs.component to public;

insert into londiste_rs.component (schema_name, version)
values ('londiste_rs', '1')
on conflict (schema_name) do update set version = excluded.version
    where component.version is distinct from excluded.version;
