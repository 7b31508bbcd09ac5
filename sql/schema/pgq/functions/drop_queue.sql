create or replace function pgq.drop_queue(x_queue_name text, x_force bool)
returns int4
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq.drop_queue(2)
--
--      Drops a queue with its events, ticks and sequences.
--
-- Parameters:
--      x_queue_name    - queue
--      x_force         - true: unregister its consumers first; else they make it an error
--
-- Returns:
--      1
--
-- Errors:
--      No such event queue
--      cannot drop queue, consumers still attached
--
-- Tables:
--      deletes from pgq.queue, tick, subscription, consumer, retry_queue, londiste_rs.queue_limit, detached_consumer,
--      dead_event; drops the event tables
--
-- Locks:
--      the queue's row, for update
-- ----------------------------------------------------------------------
declare
    q record;
    r record;
    i int4;
begin
    select * into q from pgq.queue where queue_name = x_queue_name for update;
    if not found then
        raise exception 'No such event queue';
    end if;

    if x_force then
        for r in
            select c.co_name
              from pgq.subscription s
              join pgq.consumer c on c.co_id = s.sub_consumer
             where s.sub_queue = q.queue_id
             order by c.co_name
        loop
            perform pgq.unregister_consumer(x_queue_name, r.co_name);
        end loop;
    elsif exists (select 1 from pgq.subscription where sub_queue = q.queue_id) then
        raise exception 'cannot drop queue, consumers still attached';
    end if;

    for i in 0 .. q.queue_ntables - 1 loop
        execute 'drop table if exists ' || pgq.quote_fqname(q.queue_data_pfx || '_' || i);
    end loop;
    execute 'drop table if exists ' || pgq.quote_fqname(q.queue_data_pfx);

    delete from pgq.retry_queue where ev_queue = q.queue_id;
    delete from pgq.tick where tick_queue = q.queue_id;
    delete from pgq.queue where queue_id = q.queue_id;
    delete from londiste_rs.rotation_wait where queue_id = q.queue_id;
    -- another queue may get the name, and numbers its events from one
    delete from londiste_rs.queue_limit where queue_name = x_queue_name;
    delete from londiste_rs.detached_consumer where queue_name = x_queue_name;
    delete from londiste_rs.dead_event where queue_name = x_queue_name;

    execute 'drop sequence ' || pgq.quote_fqname(q.queue_tick_seq);
    execute 'drop sequence ' || pgq.quote_fqname(q.queue_event_seq);
    return 1;
end;
$$;

create or replace function pgq.drop_queue(x_queue_name text)
returns int4
language plpgsql strict set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq.drop_queue(1)
--
--      Drops a queue that has no consumers. See pgq.drop_queue(2).
-- ----------------------------------------------------------------------
begin
    return pgq.drop_queue(x_queue_name, false);
end;
$$;
