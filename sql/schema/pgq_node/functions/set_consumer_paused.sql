-- set_consumer_paused(3): pauses or resumes a cascaded consumer. Its uptodate mark is taken away; it sets it again
-- once it has seen the change.
--
-- Parameters:
--   i_queue_name        queue
--   i_consumer_name     consumer
--   i_paused            true to pause
-- Returns: 200; 201 is so already (nothing is changed); 404 unknown consumer.
-- Tables: pgq_node.local_state (update).
create or replace function pgq_node.set_consumer_paused(
    in i_queue_name     text,
    in i_consumer_name  text,
    in i_paused         boolean,
    out ret_code        int4,
    out ret_note        text)
returns record as $$
declare
    was_paused  boolean;
    new_state   text := case when i_paused then 'paused' else 'resumed' end;
begin
    select s.paused into was_paused
        from pgq_node.local_state s
        where s.queue_name = i_queue_name
          and s.consumer_name = i_consumer_name
        for update;
    if not found then
        select 404, 'Unknown consumer: ' || i_consumer_name into ret_code, ret_note;
        return;
    end if;
    if was_paused = i_paused then
        select 201, 'Consumer ' || i_consumer_name || ' already ' || new_state into ret_code, ret_note;
        return;
    end if;

    update pgq_node.local_state s
        set paused = i_paused,
            uptodate = false
        where s.queue_name = i_queue_name
          and s.consumer_name = i_consumer_name;
    select 200, 'Consumer ' || i_consumer_name || ' tagged as ' || new_state into ret_code, ret_note;
end;
$$ language plpgsql security definer set search_path = pg_catalog, pg_temp;
