create or replace function pgq.upgrade_schema()
returns int4
language plpgsql as $$
-- ----------------------------------------------------------------------
-- Function: pgq.upgrade_schema(0)
--
--      Brings tables of an earlier version up to date, and the sequences of a restored dump up to the ids that
--      are in use. Changes nothing when run again.
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

    if not exists (select 1 from pg_catalog.pg_attribute
                    where attrelid = 'pgq.queue'::regclass and attname = 'queue_extra_maint')
    then
        alter table pgq.queue add column queue_extra_maint text[];
    end if;

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
