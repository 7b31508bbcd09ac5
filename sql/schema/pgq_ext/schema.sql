-- ----------------------------------------------------------------------
-- Schema pgq_ext: what a reader has done, kept in the database where its results are.
--
-- May be run again over an earlier version of itself; changes nothing then.
-- Needs schema londiste_rs.
-- ----------------------------------------------------------------------

create schema if not exists pgq_ext;

do $roles$
begin
    if not exists (select 1 from pg_catalog.pg_roles where rolname = 'pgq_writer') then
        create role pgq_writer nologin;
    end if;
exception
    when insufficient_privilege then
        raise notice 'role pgq_writer cannot be created by this user, skipping';
    when duplicate_object or unique_violation then
        raise notice 'role pgq_writer is being created by somebody else';
end;
$roles$;

-- Tick that a reader stands at.
create table if not exists pgq_ext.completed_tick (
    consumer_id     text not null,
    subconsumer_id  text not null default '',
    last_tick_id    int8 not null,

    constraint completed_tick_pkey primary key (consumer_id, subconsumer_id)
);

-- Batch that a reader has finished last.
create table if not exists pgq_ext.completed_batch (
    consumer_id     text not null,
    subconsumer_id  text not null default '',
    last_batch_id   int8 not null,

    constraint completed_batch_pkey primary key (consumer_id, subconsumer_id)
);

-- Events of the current batch that a reader has finished.
create table if not exists pgq_ext.completed_event (
    consumer_id     text not null,
    subconsumer_id  text not null default '',
    batch_id        int8 not null,
    event_id        int8 not null,

    constraint completed_event_pkey primary key (consumer_id, subconsumer_id, batch_id, event_id)
);

-- Batch that the marks in completed_event belong to.
create table if not exists pgq_ext.partial_batch (
    consumer_id     text not null,
    subconsumer_id  text not null default '',
    cur_batch_id    int8 not null,

    constraint partial_batch_pkey primary key (consumer_id, subconsumer_id)
);
