create or replace function londiste_rs._capture_target(
    i_queue text, out queue_id int4, out events text, out sequence text, out max_events int4)
language plpgsql set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: londiste_rs._capture_target(1)
--
--      Where the events of a queue have to go now.
--
-- Parameters:
--      i_queue     - queue
--
-- Returns:
--      queue_id    - its id
--      events      - quoted name of the current event table
--      sequence    - quoted name of the event sequence
--      max_events  - how many events a transaction may insert; null: any number
--
-- Errors:
--      No such queue
--      Insert into queue disallowed
-- ----------------------------------------------------------------------
declare
    v_closed bool;
begin
    select q.queue_id, q.queue_disable_insert, q.queue_per_tx_limit,
           format('%I.%I', split_part(q.queue_data_pfx, '.', 1),
                  substr(q.queue_data_pfx, strpos(q.queue_data_pfx, '.') + 1) || '_' || q.queue_cur_table),
           format('%I.%I', split_part(q.queue_event_seq, '.', 1),
                  substr(q.queue_event_seq, strpos(q.queue_event_seq, '.') + 1))
      into queue_id, v_closed, max_events, events, sequence
      from pgq.queue q
     where q.queue_name = i_queue;
    if not found then
        raise exception 'No such queue';
    end if;
    if v_closed then
        if not pgq._may_replay() then
            raise exception 'Insert into queue disallowed';
        end if;
    end if;
end;
$$;

create or replace function londiste_rs._capture_count(
    i_queue text, i_queue_id int4, i_max_events int4, i_count int8)
returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: londiste_rs._capture_count(4)
--
--      Counts the events of this transaction, as pgq.insert_event_raw() does, together with it.
--
-- Parameters:
--      i_queue         - queue, for the message
--      i_queue_id      - its id
--      i_max_events    - limit; null: none
--      i_count         - how many were inserted now
--
-- Errors:
--      Queue '<name>' allows max <n> events from one TX
-- ----------------------------------------------------------------------
declare
    v_name text := 'pgq_tx_count.q' || i_queue_id;
    v_count text[] := string_to_array(current_setting(v_name, true), ':');
    v_total int8 := i_count;
begin
    if i_max_events is null then
        return;
    end if;
    if v_count[1] = txid_current()::text then
        v_total := v_total + v_count[2]::int8;
    end if;
    if v_total > i_max_events then
        raise exception 'Queue ''%'' allows max % events from one TX', i_queue, i_max_events;
    end if;
    perform set_config(v_name, txid_current() || ':' || v_total, true);
end;
$$;
