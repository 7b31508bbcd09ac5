create or replace function pgq.upgrade_schema()
returns int4
language plpgsql set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq.upgrade_schema(0)
--
--      Brings tables of an earlier version (ours, or the ancestor's from 3.0 on) up to date, and the sequences of a
--      restored dump up to the ids that are in use. Changes nothing when run again.
--
-- Returns:
--      0
-- ----------------------------------------------------------------------
declare
    r record;
    v_max int8;
    v_used int8;
begin
    for r in
        select a.attrelid::regclass as tbl, a.attname
          from pg_catalog.pg_attribute a
         where a.attnotnull
           and (a.attrelid, a.attname) in (('pgq.subscription'::regclass, 'sub_last_tick'),
                                           ('pgq.queue'::regclass, 'queue_rotation_period'))
    loop
        execute 'alter table ' || r.tbl::text || ' alter column ' || quote_ident(r.attname) || ' drop not null';
    end loop;

    -- columns that came with 3.0 to 3.3
    for r in
        select c.tbl, c.col, c.definition
          from (values ('pgq.queue', 'queue_disable_insert', 'boolean not null default false'),
                       ('pgq.queue', 'queue_ticker_paused', 'boolean not null default false'),
                       ('pgq.queue', 'queue_external_ticker', 'boolean not null default false'),
                       ('pgq.queue', 'queue_per_tx_limit', 'integer'),
                       ('pgq.queue', 'queue_extra_maint', 'text[]'),
                       ('pgq.tick', 'tick_event_seq', 'bigint'),
                       ('pgq.retry_queue', 'ev_queue', 'int4')) c (tbl, col, definition)
         where not exists (select 1 from pg_catalog.pg_attribute a
                            where a.attrelid = c.tbl::regclass and a.attname = c.col and not a.attisdropped)
    loop
        execute 'alter table ' || r.tbl || ' add column ' || r.col || ' ' || r.definition;
        if r.col = 'ev_queue' then
            update pgq.retry_queue rq set ev_queue = s.sub_queue from pgq.subscription s where s.sub_id = rq.ev_owner;
            -- of consumers that are gone
            delete from pgq.retry_queue where ev_queue is null;
            alter table pgq.retry_queue
                alter column ev_queue set not null,
                add constraint rq_queue_id_fkey foreign key (ev_queue) references pgq.queue (queue_id);
        end if;
    end loop;

    for r in
        select * from (values ('pgq.queue_queue_id_seq', 'queue', 'queue_id'),
                              ('pgq.consumer_co_id_seq', 'consumer', 'co_id'),
                              ('pgq.subscription_sub_id_seq', 'subscription', 'sub_id'),
                              ('pgq.batch_id_seq', 'subscription', 'sub_batch')) v (seq, tbl, col)
    loop
        execute 'select max(' || r.col || ') from pgq.' || r.tbl into v_max;
        v_used := pgq._event_seq_pos(r.seq);
        if v_max > v_used then
            perform pg_catalog.setval(r.seq::regclass, v_max);
        end if;
    end loop;
    return 0;
end;
$$;
