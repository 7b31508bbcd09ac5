-- Schema pgq_node: which node of which queue this database is, who it reads from, who reads from it.
-- Needs schema pgq. May be run again at any time: nothing that exists is changed.

create schema if not exists pgq_node;

-- Members of a queue's tree, as far as this database knows them; the same on all nodes, kept so by events.
create table if not exists pgq_node.node_location (
    queue_name      text        not null,
    node_name       text        not null,
    node_location   text        not null,                   -- libpq connect string that other nodes use
    dead            boolean     not null default false,     -- taken out by an administrator; nobody connects to it

    primary key (queue_name, node_name)
);

-- What this database is: one row per queue that it is a member of.
create table if not exists pgq_node.node_info (
    queue_name      text        not null,
    node_type       text        not null,
    node_name       text        not null,
    worker_name     text,                                   -- consumer that keeps the node alive
    combined_queue  text,                                   -- merge leaf: queue of this database that it feeds
    node_attrs      text,                                   -- url-encoded map

    primary key (queue_name),
    foreign key (queue_name, node_name) references pgq_node.node_location,
    constraint node_info_node_type_check check (node_type in ('root', 'branch', 'leaf')),
    constraint node_info_check check (
        case
            when node_type = 'root' then (worker_name is not null and combined_queue is null)
            when node_type = 'branch' then (worker_name is not null and combined_queue is null)
            when node_type = 'leaf' then (worker_name is not null)
            else false
        end)
);

-- Position and state of each cascaded consumer that writes into this node, the worker included.
create table if not exists pgq_node.local_state (
    queue_name      text        not null,
    consumer_name   text        not null,
    provider_node   text        not null,
    last_tick_id    bigint      not null,                   -- last tick whose work is committed here
    cur_error       text,
    paused          boolean     not null default false,     -- set by the administrator
    uptodate        boolean     not null default false,     -- set by the consumer once it has seen the new state

    primary key (queue_name, consumer_name),
    foreign key (queue_name) references pgq_node.node_info,
    foreign key (queue_name, provider_node) references pgq_node.node_location
);

-- Nodes that read from this one.
create table if not exists pgq_node.subscriber_info (
    queue_name      text        not null,
    subscriber_node text        not null,
    worker_name     text        not null,                   -- consumer on our queue that feeds the node
    watermark_name  text        not null,                   -- consumer on our queue that stands for its subtree

    primary key (queue_name, subscriber_node),
    foreign key (queue_name) references pgq_node.node_info,
    foreign key (queue_name, subscriber_node) references pgq_node.node_location,
    constraint subscriber_info_worker_name_fkey
        foreign key (worker_name) references pgq.consumer (co_name),
    constraint subscriber_info_watermark_name_fkey
        foreign key (watermark_name) references pgq.consumer (co_name)
);
