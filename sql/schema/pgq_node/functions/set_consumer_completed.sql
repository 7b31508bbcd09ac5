-- set_consumer_completed(3): stores the position of a cascaded consumer, in the transaction of its work, and clears its
-- error.
--
-- Parameters:
--   i_queue_name        queue
--   i_consumer_name     consumer
--   i_tick_id           last tick whose work is done
-- Returns: 100, 404 unknown consumer.
-- Tables: pgq_node.local_state (update).
create or replace function pgq_node.set_consumer_completed(
    in i_queue_name     text,
    in i_consumer_name  text,
    in i_tick_id        bigint,
    out ret_code        int4,
    out ret_note        text)
returns record as $$
begin
    update pgq_node.local_state s
        set last_tick_id = i_tick_id,
            cur_error = null
        where s.queue_name = i_queue_name
          and s.consumer_name = i_consumer_name;
    if found then
        select 100, 'Consumer ' || i_consumer_name || ' completed tick = ' || i_tick_id::text into ret_code, ret_note;
    else
        select 404, 'Consumer not known: ' || i_queue_name || '/' || i_consumer_name into ret_code, ret_note;
    end if;
end;
$$ language plpgsql security definer set search_path = pg_catalog, pg_temp;
