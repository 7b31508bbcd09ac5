-- set_consumer_uptodate(3): a cascaded consumer tells that it has seen the latest change of its state.
--
-- Parameters:
--   i_queue_name        queue
--   i_consumer_name     consumer
--   i_uptodate          the mark
-- Returns: 200, 404 unknown consumer.
-- Tables: pgq_node.local_state (update).
create or replace function pgq_node.set_consumer_uptodate(
    in i_queue_name     text,
    in i_consumer_name  text,
    in i_uptodate       boolean,
    out ret_code        int4,
    out ret_note        text)
returns record as $$
begin
    update pgq_node.local_state s
        set uptodate = i_uptodate
        where s.queue_name = i_queue_name
          and s.consumer_name = i_consumer_name;
    if found then
        select 200, 'Consumer uptodate = ' || i_uptodate::int4::text into ret_code, ret_note;
    else
        select 404, 'Consumer not known: ' || i_queue_name || '/' || i_consumer_name into ret_code, ret_note;
    end if;
end;
$$ language plpgsql security definer set search_path = pg_catalog, pg_temp;
