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

-- stream_trail: the ticks that led to stream_position, as the providers described them, and which tables of this node
-- each of them changed (local names; '*': any). A ring: each tick takes the place tick_id modulo 8192. With it the first
-- tick that differs is found when a provider was set back, and the tables that have to be copied anew.
create table if not exists londiste_rs.stream_trail (
    queue_name     text not null,
    consumer_name  text not null,
    place          int4 not null,
    tick_id        int8 not null,
    tick_time      timestamptz not null,
    tick_event_seq int8 not null,
    tables         text[] not null,
    primary key (queue_name, consumer_name, place)
) with (fillfactor = 70);

-- queue_limit: how far a reader may stay behind. Consumer '*' stands for all readers of the queue that have no limit of
-- their own. Null: no limit of that kind. What happens beyond it: 'warn', or 'detach' (see
-- londiste_rs.detach_consumer).
create table if not exists londiste_rs.queue_limit (
    queue_name     text not null,
    consumer_name  text not null,
    max_age        interval,
    max_events     int8,
    max_bytes      int8,
    action         text not null default 'warn' check (action in ('warn', 'detach')),
    primary key (queue_name, consumer_name),
    check (max_age is not null or max_events is not null or max_bytes is not null)
);

-- detached_consumer: readers that were taken off their queue, with the position that they had: last_tick is the tick
-- after which they have read nothing. sub_id is kept because events that were retried before carry it.
create table if not exists londiste_rs.detached_consumer (
    queue_name      text not null,
    consumer_name   text not null,
    kind            text not null,
    node_name       text,
    watermark_name  text,
    queue_id        int4 not null,
    sub_id          int4 not null,
    last_tick       int8 not null,
    tick_time       timestamptz,
    tick_event_seq  int8,
    switch_step1    int8 not null,
    reason          text not null,
    detached_at     timestamptz not null default now(),
    primary key (queue_name, consumer_name)
);

-- dead_event: events that a reader has given up (is_detached false), and events that waited to be retried when their
-- reader was detached (is_detached true; they go back when it is attached again).
create table if not exists londiste_rs.dead_event (
    queue_name     text not null,
    consumer_name  text not null,
    ev_id          int8 not null,
    ev_time        timestamptz not null,
    ev_retry       int4,
    ev_type        text,
    ev_data        text,
    ev_extra1      text,
    ev_extra2      text,
    ev_extra3      text,
    ev_extra4      text,
    reason         text not null,
    died_at        timestamptz not null default now(),
    is_detached    bool not null default false,
    primary key (queue_name, consumer_name, ev_id)
);

-- retry_mark: events that work committed in this database wants to see again; kept in the transaction of the work until
-- the queue's database has heard of them (see src/client).
create table if not exists londiste_rs.retry_mark (
    consumer_name  text not null,
    batch_id       int8 not null,
    ev_id          int8 not null,
    after_seconds  int4,
    reason         text,
    primary key (consumer_name, batch_id, ev_id)
);

-- copy_run: the first copy of a large table that is loaded in ranges, each committed by itself, so that an interruption
-- costs the ranges in work only. A row counts while londiste.table_info.dropped_ddl of its table begins with
-- '-- londiste_rs.copy_run ' and its copy_id; what the copy dropped is in dropped_ddl. The snapshot is the source's. Once
-- is_resumed the ranges are from several snapshots, each with only those rows that this one sees, too.
create table if not exists londiste_rs.copy_run (
    copy_id         int8 generated always as identity primary key,
    queue_name      text not null,
    table_name      text not null,
    source_node     text not null,
    source_files    text not null,
    column_names    text[] not null,
    key_columns     text[] not null,
    row_snapshot    text not null,
    is_resumed      bool not null default false,
    unique (queue_name, table_name)
);

-- copy_range: its parts, blocks of one file of the source each. row_count is null until the rows are in.
create table if not exists londiste_rs.copy_range (
    copy_id         int8 not null,
    range_nr        int4 not null,
    relation        text not null,
    first_block     int8 not null,
    end_block       int8 not null,
    row_count       int8,
    primary key (copy_id, range_nr)
) with (fillfactor = 50);

-- copy_object: what comes back after the rows: an index (none: null) that can be built beside others, then statements.
create table if not exists londiste_rs.copy_object (
    copy_id         int8 not null,
    object_nr       int4 not null,
    object_name     text not null,
    index_sql       text,
    other_sql       text[] not null,
    primary key (copy_id, object_nr)
);

-- table_policy: what a node's worker does with a row event that cannot be applied to a table. 'stop': it stands at that
-- batch until somebody repairs the cause. 'park': the event is put aside, and the others go on. Without a row the key
-- on_error of the job file says it.
create table if not exists londiste_rs.table_policy (
    queue_name  text not null,
    table_name  text not null,
    on_error    text not null check (on_error in ('stop', 'park')),
    primary key (queue_name, table_name)
);

-- parked_event: row events that were put aside on this node, in the order of replay. row_key is the key of the row,
-- url-encoded; empty for a new row of a table without a key; null when the event does not tell (it may be any row).
-- Later events of the same row are put aside as well, so that order is kept.
create table if not exists londiste_rs.parked_event (
    park_id     int8 generated by default as identity primary key,
    queue_name  text not null,
    table_name  text not null,
    tick_id     int8 not null,
    row_key     text,
    ev_id       int8 not null,
    ev_time     timestamptz not null,
    ev_txid     int8 not null,
    ev_type     text,
    ev_data     text,
    ev_extra1   text,
    ev_extra2   text,
    ev_extra3   text,
    ev_extra4   text,
    sqlstate    text,
    reason      text not null,
    tries       int4 not null default 1,
    parked_at   timestamptz not null default now()
);
create index if not exists parked_event_table_idx on londiste_rs.parked_event (queue_name, table_name);

-- table_drift: updates and deletes that found no row while they were replayed, since the table was last copied: a sign
-- that it differs from the provider's.
create table if not exists londiste_rs.table_drift (
    queue_name   text not null,
    table_name   text not null,
    missed_rows  int8 not null,
    first_at     timestamptz not null default now(),
    last_at      timestamptz not null default now(),
    last_tick    int8 not null,
    primary key (queue_name, table_name)
);

-- plan: a change of the tree that is under way (change-provider, takeover, ...); one at a time per queue. The plan itself
-- (body, JSON: its steps and what is done of them) is on one node, home_node; every other node that could be reached has
-- a mark: the same row without a body. So a second administrator is refused by name wherever he begins, and continue and
-- undo find the plan from each of these nodes. Who runs it holds a session lock on home_node; runner tells runs apart.
create table if not exists londiste_rs.plan (
    queue_name  text primary key,
    plan_id     text not null,
    home_node   text not null,
    command     text not null,
    admin       text not null,
    since       timestamptz not null default now(),
    runner      text,
    body        text
);

-- worker: the program that last worked for a node here: its version, when it began, and when it was last seen. While it
-- runs it holds a session lock, so this need not be written often; afterwards it tells since when nobody works.
create table if not exists londiste_rs.worker (
    queue_name     text not null,
    consumer_name  text not null,
    version        text not null,
    started_at     timestamptz not null,
    seen_at        timestamptz not null,
    primary key (queue_name, consumer_name)
) with (fillfactor = 50);
