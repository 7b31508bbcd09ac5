-- register_consumer(4): makes a cascaded consumer known on this node.
--
-- Parameters:
--   i_queue_name        queue
--   i_consumer_name     consumer
--   i_provider_node     node it reads from
--   i_custom_tick_id    last tick whose work is done here
-- Returns: 200; 201 was known, provider and position are overwritten, which a notice tells; 404 not a node.
-- Tables: pgq_node.local_state (insert, update).
-- Ancestor: overwrites without a word.
create or replace function pgq_node.register_consumer(
    in i_queue_name     text,
    in i_consumer_name  text,
    in i_provider_node  text,
    in i_custom_tick_id bigint,
    out ret_code        int4,
    out ret_note        text)
returns record as $$
declare
    known       record;
begin
    perform 1 from pgq_node.node_info n
        where n.queue_name = i_queue_name
        for update;
    if not found then
        select 404, 'Unknown queue: ' || i_queue_name into ret_code, ret_note;
        return;
    end if;

    select s.provider_node, s.last_tick_id into known
        from pgq_node.local_state s
        where s.queue_name = i_queue_name
          and s.consumer_name = i_consumer_name
        for update;
    if found and (known.provider_node, known.last_tick_id) is distinct from (i_provider_node, i_custom_tick_id) then
        raise notice 'consumer % of queue % was at tick % of node % and is put to tick % of node %',
            i_consumer_name, i_queue_name, known.last_tick_id, known.provider_node, i_custom_tick_id, i_provider_node;
    end if;

    update pgq_node.local_state s
        set provider_node = i_provider_node,
            last_tick_id = i_custom_tick_id
        where s.queue_name = i_queue_name
          and s.consumer_name = i_consumer_name;
    if found then
        select 201, 'Consumer already registered: ' || i_queue_name || '/' || i_consumer_name into ret_code, ret_note;
        return;
    end if;

    insert into pgq_node.local_state (queue_name, consumer_name, provider_node, last_tick_id)
        values (i_queue_name, i_consumer_name, i_provider_node, i_custom_tick_id);
    select 200, 'Consumer ' || i_consumer_name || ' registered on queue ' || i_queue_name into ret_code, ret_note;
end;
$$ language plpgsql security definer set search_path = pg_catalog, pg_temp;
