create or replace function pgq.insert_event_raw(
    queue_name text, ev_id int8, ev_time timestamptz, ev_owner int4, ev_retry int4, ev_type text, ev_data text,
    ev_extra1 text, ev_extra2 text, ev_extra3 text, ev_extra4 text)
returns int8
language plpgsql as $$
-- ----------------------------------------------------------------------
-- Function: pgq.insert_event_raw(11)
--
--      Puts an event with all its fields into a queue. The event sequence always advances, so that the ticker
--      notices.
--
-- Parameters:
--      queue_name              - queue
--      ev_id                   - id; null: next one of the sequence
--      ev_time                 - time; null: start of the transaction
--      ev_owner                - subscription that alone shall see the event; null: all see it
--      ev_retry                - how often it was retried; null: never
--      ev_type, ev_data        - what happened
--      ev_extra1 .. ev_extra4  - whatever the readers agreed upon
--
-- Returns:
--      id of the event
--
-- Errors:
--      Queue name must not be NULL
--      No such queue
--      Insert into queue disallowed
--      Queue '<name>' allows max <n> events from one TX
--
-- Tables:
--      reads pgq.queue; inserts into the current event table
--
-- The transaction gets its id before the number of the current table is read: rotation relies on that order.
-- Runs below functions with definer's rights: every name and operator is qualified.
--
-- Ancestor: its count of events per transaction is not given back by a rollback to a savepoint; this one is.
-- ----------------------------------------------------------------------
declare
    v_txid bigint := pg_catalog.txid_current();
    v_queue_id integer;
    v_pfx pg_catalog.text;
    v_cur integer;
    v_seq pg_catalog.text;
    v_closed boolean;
    v_limit integer;
    v_id bigint;
    v_count pg_catalog.text[];
begin
    if queue_name is null then
        raise exception 'Queue name must not be NULL';
    end if;

    select q.queue_id, q.queue_data_pfx, q.queue_cur_table, q.queue_event_seq, q.queue_disable_insert,
           q.queue_per_tx_limit
      into v_queue_id, v_pfx, v_cur, v_seq, v_closed, v_limit
      from pgq.queue q
     where q.queue_name operator(pg_catalog.=) insert_event_raw.queue_name;
    if v_queue_id is null then
        raise exception 'No such queue';
    end if;

    v_id := pg_catalog.nextval(pgq.quote_fqname(v_seq)::pg_catalog.regclass);

    if v_closed then
        if not pgq._may_replay() then
            raise exception 'Insert into queue disallowed';
        end if;
    end if;

    if v_limit is not null then
        v_count := pg_catalog.string_to_array(
            pg_catalog.current_setting('pgq_tx_count.q' operator(pg_catalog.||) v_queue_id::pg_catalog.text, true), ':');
        if v_count[1] operator(pg_catalog.=) v_txid::pg_catalog.text then
            v_count[2] := (v_count[2]::bigint operator(pg_catalog.+) 1)::pg_catalog.text;
        else
            v_count := array[v_txid::pg_catalog.text, '1'];
        end if;
        if v_count[2]::bigint operator(pg_catalog.>) v_limit then
            raise exception 'Queue ''%'' allows max % events from one TX', queue_name, v_limit;
        end if;
        perform pg_catalog.set_config('pgq_tx_count.q' operator(pg_catalog.||) v_queue_id::pg_catalog.text,
                                      pg_catalog.array_to_string(v_count, ':'), true);
    end if;

    execute 'insert into ' operator(pg_catalog.||)
            pgq.quote_fqname(v_pfx operator(pg_catalog.||) '_' operator(pg_catalog.||) v_cur::pg_catalog.text)
            operator(pg_catalog.||) ' (ev_id, ev_time, ev_txid, ev_owner, ev_retry, ev_type, ev_data,'
            ' ev_extra1, ev_extra2, ev_extra3, ev_extra4) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)'
      using coalesce(ev_id, v_id), coalesce(ev_time, pg_catalog.now()), v_txid, ev_owner, ev_retry, ev_type, ev_data,
            ev_extra1, ev_extra2, ev_extra3, ev_extra4;
    return coalesce(ev_id, v_id);
end;
$$;
