-- change_consumer_provider(3): a cascaded consumer is to read from another node. Its uptodate mark is taken away.
--
-- Parameters:
--   i_queue_name        queue
--   i_consumer_name     consumer
--   i_new_provider      node to read from
-- Returns: 200; 404 unknown node or consumer.
-- Tables: pgq_node.node_location (read), local_state (update).
create or replace function pgq_node.change_consumer_provider(
    in i_queue_name     text,
    in i_consumer_name  text,
    in i_new_provider   text,
    out ret_code        int4,
    out ret_note        text)
returns record as $$
begin
    perform 1 from pgq_node.node_location l
        where l.queue_name = i_queue_name
          and l.node_name = i_new_provider;
    if not found then
        select 404, 'New node not found: ' || i_new_provider into ret_code, ret_note;
        return;
    end if;

    update pgq_node.local_state s
        set provider_node = i_new_provider,
            uptodate = false
        where s.queue_name = i_queue_name
          and s.consumer_name = i_consumer_name;
    if not found then
        select 404, 'Unknown consumer: ' || i_queue_name || '/' || i_consumer_name into ret_code, ret_note;
        return;
    end if;

    select 200, 'Consumer provider node set to : ' || i_new_provider into ret_code, ret_note;
end;
$$ language plpgsql security definer set search_path = pg_catalog, pg_temp;
