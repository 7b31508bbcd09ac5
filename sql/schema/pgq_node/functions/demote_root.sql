-- demote_root(3): turns a root into a branch, in three steps that are committed one by one.
--
--   1  closes the queue for producers and for the local ticker.
--   2  writes the last tick: all events lie at or before it, none can follow. For that it waits until no transaction
--      is left that may have looked at the queue before step 1, unless the event tables have triggers that keep those out
--      (londiste_closed_<txid>, as young as step 1), then until all that have written are over.
--      Each call writes one more tick, so it can be repeated.
--   3  makes the node a branch of the new provider, standing at the last tick.
-- Parameters:
--   i_queue_name        queue
--   i_step              1, 2 or 3
--   i_new_provider      step 3: the node to read from afterwards
-- Returns: 200; 201 was done before (a branch; for step 3: of that provider); 301 not a root, 404 not a node;
--   409 transactions from before step 1 are still open (step 2 only, nothing was done: call it again).
--   last_tick           steps 2 and 3: the last tick
-- Errors: steps in wrong order; step 2 in the transaction of step 1; step 2 not in READ COMMITTED.
-- Tables: pgq.queue (update), pgq.tick (insert), event tables of the queue, pgq_node.node_info, local_state (update).
-- Locks: the queue's node_info row; step 2: the event tables in EXCLUSIVE mode.
-- Settings: pgq_node.demote_wait, how long step 2 waits for old transactions (interval, 30 seconds). Sessions named
--   pg_dump or londiste:* are not waited for: they only read.
-- Ancestor: does not wait for old snapshots and loses their last events; never returns 201 or 409.
create or replace function pgq_node.demote_root(
    in i_queue_name     text,
    in i_step           int4,
    in i_new_provider   text,
    out ret_code        int4,
    out ret_note        text,
    out last_tick       bigint)
returns record as $$
declare
    node            record;
    queue           record;
    closing_xid     bigint;
    window_end      bigint;
    hidden          text[];
    open_pids       int4[];
    wait_start      timestamptz := clock_timestamp();
    wait_limit      interval;
    has_barrier     boolean;
    event_seq       bigint;
begin
    select n.node_type, n.worker_name, s.provider_node into node
        from pgq_node.node_info n
        left join pgq_node.local_state s
            on (s.queue_name = n.queue_name and s.consumer_name = n.worker_name)
        where n.queue_name = i_queue_name
        for update of n;
    if not found then
        select 404, 'Node not initialized for queue: ' || i_queue_name into ret_code, ret_note;
        return;
    end if;

    select q.queue_id, q.queue_disable_insert and q.queue_external_ticker as closed,
            q.queue_data_pfx, q.queue_tick_seq, q.queue_event_seq, q.xmin as closed_by
        into queue
        from pgq.queue q
        where q.queue_name = i_queue_name;

    if node.node_type <> 'root' then
        if node.node_type = 'branch' and (i_step in (1, 2) or i_step = 3 and node.provider_node = i_new_provider) then
            select max(t.tick_id) into last_tick from pgq.tick t where t.tick_queue = queue.queue_id;
            select 201, 'Node is already branch: ' || i_queue_name into ret_code, ret_note;
        else
            select 301, 'Node not root' into ret_code, ret_note;
        end if;
        return;
    end if;

    if i_step in (1, 2, 3) then
        null;
    elsif i_step > 3 and not queue.closed then
        raise exception 'steps in wrong order';
    else
        raise exception 'incorrect step number';
    end if;

    if i_step = 1 then
        -- a closed queue is left alone: the age of its row tells step 2 when it was closed
        update pgq.queue q
            set queue_disable_insert = true,
                queue_external_ticker = true
            where q.queue_name = i_queue_name
              and not (q.queue_disable_insert and q.queue_external_ticker);
        select 200, 'Step 1: Writing disabled for: ' || i_queue_name into ret_code, ret_note;
        return;
    end if;

    if not queue.closed then
        raise exception 'steps in wrong order';
    end if;

    if i_step = 3 then
        select max(t.tick_id) into last_tick from pgq.tick t where t.tick_queue = queue.queue_id;
        update pgq_node.node_info n
            set node_type = 'branch'
            where n.queue_name = i_queue_name;
        update pgq_node.local_state s
            set provider_node = i_new_provider,
                last_tick_id = demote_root.last_tick,
                uptodate = false
            where s.queue_name = i_queue_name
              and s.consumer_name = node.worker_name;
        select 200, 'Step 3: Demoted root to branch: ' || i_queue_name into ret_code, ret_note;
        return;
    end if;

    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'step 2 needs a READ COMMITTED transaction';
    end if;
    window_end := txid_current() + 2147483648;
    closing_xid := window_end - (window_end - queue.closed_by::text::bigint) % 4294967296;
    if txid_status(closing_xid) = 'in progress' then
        raise exception 'step 1 must be committed before step 2';
    end if;

    -- A producer whose snapshot is older than step 1 sees the queue open. Who has no such snapshot by now will find it
    -- closed. Sessions of which we may not see the snapshot count as old if they are in a transaction now.
    select array_agg(k.virtualtransaction) into hidden
        from pg_stat_activity a, pg_locks k
        where a.datname = current_database()
          and a.query = '<insufficient privilege>'
          and k.pid = a.pid
          and k.locktype = 'virtualxid'
          and k.mode = 'ExclusiveLock';
    wait_limit := coalesce(nullif(current_setting('pgq_node.demote_wait', true), ''), '30 seconds')::interval;
    has_barrier := not exists (
        select 1
            from pg_inherits i
            where i.inhparent = pgq.quote_fqname(queue.queue_data_pfx)::regclass
              and not exists (
                select 1
                    from pg_trigger t
                    where t.tgrelid = i.inhrelid
                      and t.tgname like 'londiste\_closed\_%'
                      and t.tgenabled = 'O'
                      and age(t.xmin) <= age(queue.closed_by)));
    while not has_barrier loop
        select array_agg(o.pid order by o.pid) into open_pids
            from (select a.pid
                    from pg_stat_activity a
                    where a.datname = current_database()
                      and a.pid <> pg_backend_pid()
                      and age(a.backend_xmin) >= age(queue.closed_by)
                      and a.xact_start < wait_start
                      and a.backend_type not in ('walsender', 'autovacuum worker')
                      and a.application_name <> 'pg_dump'
                      and a.application_name not like 'londiste:%'
                  union
                  select k.pid
                    from pg_locks k
                    where k.locktype = 'virtualxid'
                      and k.mode = 'ExclusiveLock'
                      and k.virtualtransaction = any (hidden)) o;
        exit when open_pids is null;
        if clock_timestamp() >= wait_start + wait_limit then
            select 409, 'Transactions older than step 1 are still open, end them and try again: pid '
                    || array_to_string(open_pids, ', ')
                into ret_code, ret_note;
            return;
        end if;
        perform pg_sleep(0.05);
        perform pg_stat_clear_snapshot();
    end loop;

    -- Waits for all that have written. The tick is made in a later statement, so its snapshot sees them.
    execute format('lock table %s in exclusive mode', pgq.quote_fqname(queue.queue_data_pfx));
    last_tick := nextval(pgq.quote_fqname(queue.queue_tick_seq)::regclass);
    event_seq := nextval(pgq.quote_fqname(queue.queue_event_seq)::regclass);
    insert into pgq.tick (tick_queue, tick_id, tick_time, tick_event_seq)
        values (queue.queue_id, demote_root.last_tick, clock_timestamp(), event_seq);
    select 200, 'Step 2: Inserted last tick: ' || i_queue_name into ret_code, ret_note;
end;
$$ language plpgsql security definer set search_path = pg_catalog, pg_temp;
