create or replace function pgq_ext.upgrade_schema()
returns int4
language plpgsql as $$
-- ----------------------------------------------------------------------
-- Function: pgq_ext.upgrade_schema(0)
--
--      Brings tables of version 2 up to date: adds subconsumer_id to them and to their keys.
--
-- Returns:
--      number of tables changed
-- ----------------------------------------------------------------------
declare
    r record;
    v_count int4 := 0;
begin
    for r in
        select v.tbl, v.keys
          from (values ('completed_tick', 'consumer_id, subconsumer_id'),
                       ('completed_batch', 'consumer_id, subconsumer_id'),
                       ('completed_event', 'consumer_id, subconsumer_id, batch_id, event_id'),
                       ('partial_batch', 'consumer_id, subconsumer_id')) v (tbl, keys)
         where not exists (
                select 1 from pg_catalog.pg_attribute a
                 where a.attrelid = ('pgq_ext.' || v.tbl)::regclass
                   and a.attname = 'subconsumer_id')
    loop
        execute format('alter table pgq_ext.%I add column subconsumer_id text not null default %L', r.tbl, '');
        execute format('alter table pgq_ext.%I drop constraint %I', r.tbl, r.tbl || '_pkey');
        execute format('alter table pgq_ext.%I add constraint %I primary key (%s)', r.tbl, r.tbl || '_pkey', r.keys);
        v_count := v_count + 1;
    end loop;
    return v_count;
end;
$$;
