-- Schema londiste: which tables and sequences of which queue this node has, and how far each of them is.
-- Needs schemas pgq and pgq_node. May be run again at any time: nothing that exists is changed.

create schema if not exists londiste;

-- Roles for those who read a node's state and for those who run it. Without CREATEROLE the schema works for its owner.
do $$
declare
    new_role    text[];
begin
    foreach new_role slice 1 in array
        array[['londiste_writer', 'pgq_admin'], ['londiste_reader', 'pgq_reader']]
    loop
        perform 1 from pg_catalog.pg_roles r where r.rolname = new_role[1];
        if not found then
            begin
                execute format('create role %I', new_role[1]);
            exception
                when insufficient_privilege then
                    raise notice 'role % is left out: creating roles is not permitted', new_role[1];
                    continue;
                when duplicate_object or unique_violation then
                    null;
            end;
            perform 1 from pg_catalog.pg_roles r where r.rolname = new_role[2];
            if found then
                begin
                    execute format('grant %I to %I', new_role[2], new_role[1]);
                exception
                    when insufficient_privilege then
                        raise notice 'role % is not made a member of %: not permitted', new_role[1], new_role[2];
                end;
            end if;
        end if;
    end loop;
end;
$$;

-- Tables that travel through a queue, and those of them that this node takes part in (local).
create table if not exists londiste.table_info (
    nr                  serial      not null,                   -- order of display and work
    queue_name          text        not null,
    table_name          text        not null,                   -- global name: schema dot name, unquoted
    local               boolean     not null default false,
    merge_state         text,                                   -- null, in-copy, catching-up, wanna-sync:N, do-sync:N, ok
    custom_snapshot     text,                                   -- snapshot of the copy, on the node it was copied from
    dropped_ddl         text,                                   -- what is to be created again after the copy
    table_attrs         text,                                   -- url-encoded map
    dest_table          text,                                   -- local name, when it is another one

    primary key (queue_name, table_name),
    foreign key (queue_name) references pgq_node.node_info (queue_name) on delete cascade,
    constraint table_info_check check (dropped_ddl is null or merge_state in ('in-copy', 'catching-up'))
);

-- Sequences that travel through a queue, with the last value that was published.
create table if not exists londiste.seq_info (
    nr                  serial      not null,
    queue_name          text        not null,
    seq_name            text        not null,
    local               boolean     not null default false,
    last_value          int8        not null,

    primary key (queue_name, seq_name),
    foreign key (queue_name) references pgq_node.node_info (queue_name) on delete cascade
);

-- Scripts that have been run here. The file name is the identity, over all queues.
create table if not exists londiste.applied_execute (
    queue_name          text        not null,
    execute_file        text        not null,
    execute_time        timestamptz not null default now(),
    execute_sql         text        not null,
    execute_attrs       text,

    primary key (execute_file)
);

-- Foreign keys that were taken away for a copy and wait to be put back.
create table if not exists londiste.pending_fkeys (
    from_table          text        not null,
    to_table            text        not null,
    fkey_name           text        not null,
    fkey_def            text        not null,                   -- complete alter table statement

    primary key (from_table, fkey_name)
);
