-- unregister_subscriber(2): ends the subscription of another node.
--
-- Parameters:
--   i_queue_name            queue
--   i_remote_node_name      the other node
-- Returns: 200, 304 not subscribed.
-- Tables: pgq_node.subscriber_info (delete), pgq.subscription, consumer (its two consumers, delete).
create or replace function pgq_node.unregister_subscriber(
    in i_queue_name         text,
    in i_remote_node_name   text,
    out ret_code            int4,
    out ret_note            text)
returns record as $$
declare
    subscriber      record;
begin
    delete from pgq_node.subscriber_info i
        where i.queue_name = i_queue_name
          and i.subscriber_node = i_remote_node_name
        returning i.worker_name, i.watermark_name into subscriber;
    if not found then
        select 304, 'Subscriber not found' into ret_code, ret_note;
        return;
    end if;

    perform pgq.unregister_consumer(i_queue_name, subscriber.watermark_name);
    perform pgq.unregister_consumer(i_queue_name, subscriber.worker_name);
    select 200, 'Subscriber unregistered: ' || i_remote_node_name into ret_code, ret_note;
end;
$$ language plpgsql security definer set search_path = pg_catalog, pg_temp;
