create or replace function pgq.maint_tables_to_vacuum()
returns setof text
language plpgsql set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq.maint_tables_to_vacuum(0)
--
--      Small tables with many changes that need frequent vacuum, where autovacuum is off.
--
-- Returns:
--      schema dot table, unquoted
-- ----------------------------------------------------------------------
begin
    if current_setting('autovacuum') = 'on' then
        return;
    end if;
    return query
        select v.schema || '.' || v.name
          from (values ('pgq', 'subscription', 1), ('pgq', 'consumer', 2), ('pgq', 'queue', 3), ('pgq', 'tick', 4),
                       ('pgq', 'retry_queue', 5), ('pgq_ext', 'completed_tick', 6), ('pgq_ext', 'completed_batch', 7),
                       ('pgq_ext', 'completed_event', 8), ('pgq_ext', 'partial_batch', 9),
                       ('pgq_node', 'local_state', 10), ('londiste', 'seq_info', 11), ('londiste', 'completed', 12),
                       ('txid', 'epoch', 13)) v (schema, name, pos)
          join pg_catalog.pg_namespace n on n.nspname = v.schema
          join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = v.name and c.relkind = 'r'
         order by v.pos;
end;
$$;
