-- logtriga(column_types, query): row changes into a log of any shape. Described in londiste-triggers(7); run by
-- tests/contract/logtriga.rs. "londiste install" puts the trigger function in.

-- A table: a key, two values, and one column that nobody else needs.
create table public.orders (
    id        int primary key,
    customer  text not null,
    total     numeric,
    last_seen timestamptz
);

-- 1. A log of another system's shape: one row per change, as Slony's log tables have it.
create table public.change_log (
    log_actionseq bigserial primary key,
    log_txid      bigint not null default txid_current(),
    log_table     text not null,
    log_cmdtype   char(1) not null,
    log_cmddata   text not null
);

create trigger orders_log after insert or update or delete on public.orders
    for each row execute procedure public.logtriga('kvvi',
        'insert into public.change_log (log_table, log_cmdtype, log_cmddata) values (''public.orders'', $1, $2)');

-- 2. The same changes as events of a queue. They are in the form of pgq.sqltriga, so a londiste worker replays them, if the table
--    was added to the queue without its own trigger: londiste shop.ini add-table public.orders --no-triggers
create trigger orders_queue after insert or update or delete on public.orders
    for each row execute procedure public.logtriga('kvvi',
        'select pgq.insert_event(''shop_queue'', $1, $2, ''public.orders'', null, null, null)');
