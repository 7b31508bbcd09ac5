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
    v_closed boolean;
    v_limit integer;
    v_id bigint;
    v_insert pg_catalog.text;
    v_count pg_catalog.text[];
begin
    -- Few statements and short ones: in short transactions most of the time goes into setting up each of them, and the
    -- insert is planned anew by each call. Names are put in quotes only where create_queue() did not make them.
    select q.queue_id, q.queue_disable_insert, q.queue_per_tx_limit,
           pg_catalog.nextval(
               case when q.queue_event_seq
                         operator(pg_catalog.=) pg_catalog.concat('pgq.event_', q.queue_id, '_id_seq')
                    then q.queue_event_seq
                    else pgq.quote_fqname(q.queue_event_seq)
               end::pg_catalog.regclass),
           case when q.queue_data_pfx operator(pg_catalog.=) pg_catalog.concat('pgq.event_', q.queue_id)
                then pg_catalog.concat('insert into ', q.queue_data_pfx, '_', q.queue_cur_table)
                else pg_catalog.concat('insert into ', pgq.quote_fqname(
                         pg_catalog.concat(q.queue_data_pfx, '_', q.queue_cur_table)))
           end
      into v_queue_id, v_closed, v_limit, v_id, v_insert
      from pgq.queue q
     where q.queue_name operator(pg_catalog.=) insert_event_raw.queue_name;
    if v_queue_id is null then
        if queue_name is null then
            raise exception 'Queue name must not be NULL';
        end if;
        raise exception 'No such queue';
    end if;

    if v_closed or v_limit is not null then
        if v_closed then
            if not pgq._may_replay() then
                raise exception 'Insert into queue disallowed';
            end if;
        end if;
        if v_limit is not null then
            v_count := pg_catalog.string_to_array(
                pg_catalog.current_setting(pg_catalog.concat('pgq_tx_count.q', v_queue_id), true), ':');
            if v_count[1] operator(pg_catalog.=) v_txid::pg_catalog.text then
                v_count[2] := v_count[2]::bigint operator(pg_catalog.+) 1;
            else
                v_count := array[v_txid::pg_catalog.text, '1'];
            end if;
            if v_count[2]::bigint operator(pg_catalog.>) v_limit then
                raise exception 'Queue ''%'' allows max % events from one TX', queue_name, v_limit;
            end if;
            perform pg_catalog.set_config(pg_catalog.concat('pgq_tx_count.q', v_queue_id),
                                          pg_catalog.array_to_string(v_count, ':'), true);
        end if;
    end if;

    if pg_catalog.num_nonnulls(ev_owner, ev_retry, ev_extra1, ev_extra2, ev_extra3, ev_extra4)
           operator(pg_catalog.=) 0 then
        execute pg_catalog.concat(v_insert, ' (ev_id, ev_time, ev_txid, ev_type, ev_data) values ($1, $2, $3, $4, $5)')
          using coalesce(ev_id, v_id), coalesce(ev_time, pg_catalog.now()), v_txid, ev_type, ev_data;
    else
        execute pg_catalog.concat(v_insert, ' values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)')
          using coalesce(ev_id, v_id), coalesce(ev_time, pg_catalog.now()), v_txid, ev_owner, ev_retry,
                ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4;
    end if;
    return coalesce(ev_id, v_id);
end;
$$;
