create or replace function pgq.create_queue(i_queue_name text)
returns int4
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq.create_queue(1)
--
--      Creates a queue: its row, sequences, event tables and first tick.
--
-- Parameters:
--      i_queue_name    - name, any text
--
-- Returns:
--      1 when created, 0 when it was there
--
-- Errors:
--      Invalid NULL value
--
-- Tables:
--      inserts into pgq.queue and pgq.tick; creates pgq.event_<id>, pgq.event_<id>_<n> and two sequences
-- ----------------------------------------------------------------------
declare
    v_id int4;
    v_parent text;
    v_table text;
    v_tick_seq text;
    v_event_seq text;
    v_ntables int4;
    i int4;
begin
    if i_queue_name is null then
        raise exception 'Invalid NULL value';
    end if;

    if exists (select 1 from pgq.queue where queue_name = i_queue_name) then
        return 0;
    end if;

    v_id := nextval('pgq.queue_queue_id_seq');
    v_parent := 'pgq.event_' || v_id;
    v_tick_seq := v_parent || '_tick_seq';
    v_event_seq := v_parent || '_id_seq';

    insert into pgq.queue (queue_id, queue_name, queue_data_pfx, queue_event_seq, queue_tick_seq)
    values (v_id, i_queue_name, v_parent, v_event_seq, v_tick_seq)
    returning queue_ntables into v_ntables;

    execute 'create sequence ' || pgq.quote_fqname(v_tick_seq);
    execute 'create sequence ' || pgq.quote_fqname(v_event_seq);
    execute 'create table ' || pgq.quote_fqname(v_parent) || ' () inherits (pgq.event_template)';
    for i in 0 .. v_ntables - 1 loop
        v_table := v_parent || '_' || i;
        execute 'create table ' || pgq.quote_fqname(v_table) || ' () inherits (' || pgq.quote_fqname(v_parent) || ')';
        execute 'alter table ' || pgq.quote_fqname(v_table) || ' alter column ev_id set default nextval('
            || quote_literal(v_event_seq) || ')';
        execute 'create index ' || quote_ident('event_' || v_id || '_' || i || '_txid_idx')
            || ' on ' || pgq.quote_fqname(v_table) || ' (ev_txid)';
    end loop;

    perform pgq.grant_perms(i_queue_name);
    perform pgq.ticker(i_queue_name);
    perform pgq.tune_storage(i_queue_name);
    return 1;
end;
$$;
