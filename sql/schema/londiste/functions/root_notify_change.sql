-- root_notify_change(3): writes an event for the nodes below.
--
-- Parameters:
--   i_queue_name        queue, of which this is the root
--   i_ev_type           type of event
--   i_ev_data           its data
-- Returns: 1; error when this is not the root.
-- Tables: queue (event).
create or replace function londiste.root_notify_change(i_queue_name text, i_ev_type text, i_ev_data text)
returns int4 as $$
begin
    if not coalesce(pgq_node.is_root_node(i_queue_name), false) then
        raise exception 'only root node can send events';
    end if;
    perform pgq.insert_event(i_queue_name, i_ev_type, i_ev_data);
    return 1;
end;
$$ language plpgsql;
