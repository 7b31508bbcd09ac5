-- set_subscriber_watermark(3): a node below tells which tick its whole subtree has passed.
--
-- Parameters:
--   i_queue_name        queue
--   i_node_name         the node below
--   i_watermark         tick; forward only
-- Returns: 200; 100 stands there already; 404 not subscribed, 405 backwards.
-- Errors: tick not found (from pgq.register_consumer_at).
-- Tables: pgq_node.subscriber_info (read), pgq.subscription (update).
-- Ancestor: leaves the queue's name out of the note of 404.
create or replace function pgq_node.set_subscriber_watermark(
    in i_queue_name     text,
    in i_node_name      text,
    in i_watermark      bigint,
    out ret_code        int4,
    out ret_note        text)
returns record as $$
declare
    consumer        text;
    old_watermark   bigint;
begin
    select i.watermark_name into consumer
        from pgq_node.subscriber_info i
        where i.queue_name = i_queue_name
          and i.subscriber_node = i_node_name;
    if not found then
        select 404, 'node ' || i_node_name || ' not subscribed to queue ' || i_queue_name into ret_code, ret_note;
        return;
    end if;

    select c.last_tick into old_watermark
        from pgq.get_consumer_info(i_queue_name, consumer) c;
    if i_watermark < old_watermark then
        select 405, 'watermark must not be moved backwards' into ret_code, ret_note;
        return;
    end if;
    if i_watermark = old_watermark then
        select 100, 'watermark already set' into ret_code, ret_note;
        return;
    end if;

    perform pgq.register_consumer_at(i_queue_name, consumer, i_watermark);
    select 200, consumer || ' set to ' || i_watermark::text into ret_code, ret_note;
end;
$$ language plpgsql security definer set search_path = pg_catalog, pg_temp;
