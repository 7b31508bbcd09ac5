create or replace function pgq.tune_storage(i_queue_name text)
returns int4
language plpgsql strict set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq.tune_storage(1)
--
--      Sets the storage options of event tables: rows are never changed, and space comes back by truncation.
--
-- Parameters:
--      i_queue_name    - queue
--
-- Returns:
--      1, or 0 when there is no such queue
-- ----------------------------------------------------------------------
declare
    q record;
    v_table text;
    i int4;
begin
    select * into q from pgq.queue where queue_name = i_queue_name;
    if not found then
        return 0;
    end if;
    for i in 0 .. q.queue_ntables - 1 loop
        v_table := pgq.quote_fqname(q.queue_data_pfx || '_' || i::text);
        execute 'alter table ' || v_table
            || ' set (fillfactor = 100, autovacuum_enabled = off, toast.autovacuum_enabled = off)';
    end loop;
    return 1;
end;
$$;
