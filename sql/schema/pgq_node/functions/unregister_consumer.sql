-- unregister_consumer(2): forgets a cascaded consumer on this node.
--
-- Parameters:
--   i_queue_name        queue
--   i_consumer_name     consumer
-- Returns: 200 (also if it was not there), 404 not a node.
-- Tables: pgq_node.local_state (delete).
create or replace function pgq_node.unregister_consumer(
    in i_queue_name     text,
    in i_consumer_name  text,
    out ret_code        int4,
    out ret_note        text)
returns record as $$
begin
    perform 1 from pgq_node.node_info n
        where n.queue_name = i_queue_name
        for update;
    if not found then
        select 404, 'Unknown queue: ' || i_queue_name into ret_code, ret_note;
        return;
    end if;

    delete from pgq_node.local_state s
        where s.queue_name = i_queue_name
          and s.consumer_name = i_consumer_name;
    select 200, 'Consumer ' || i_consumer_name || ' unregistered from ' || i_queue_name into ret_code, ret_note;
end;
$$ language plpgsql security definer set search_path = pg_catalog, pg_temp;
