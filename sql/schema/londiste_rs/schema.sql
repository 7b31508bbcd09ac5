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

-- stream_position: the last tick whose work is committed on this node, as its provider described it. A provider that
-- was set back (restored, or promoted without the last ticks) gives the same tick number another time: the worker
-- stops instead of skipping rows.
create table if not exists londiste_rs.stream_position (
    queue_name     text not null,
    consumer_name  text not null,
    provider_node  text not null,
    tick_id        int8 not null,
    tick_time      timestamptz not null,
    tick_event_seq int8 not null,
    primary key (queue_name, consumer_name)
) with (fillfactor = 50);
