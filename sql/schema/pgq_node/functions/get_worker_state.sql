-- get_worker_state(1): all that a worker needs to know of its node, in one call.
--
-- Parameters:
--   i_queue_name        queue
-- Returns: 100, or 404 not a node (other columns null).
--   completed_tick      position of the worker
--   global_watermark, local_watermark   as get_node_info
--   local_queue_top     newest tick of the local queue; null on a leaf
-- Tables: as get_node_info (read).
create or replace function pgq_node.get_worker_state(
    in i_queue_name         text,
    out ret_code            int4,
    out ret_note            text,
    out node_type           text,
    out node_name           text,
    out completed_tick      bigint,
    out provider_node       text,
    out provider_location   text,
    out paused              boolean,
    out uptodate            boolean,
    out cur_error           text,
    out worker_name         text,
    out global_watermark    bigint,
    out local_watermark     bigint,
    out local_queue_top     bigint,
    out combined_queue      text,
    out combined_type       text)
returns record as $$
begin
    select f.ret_code, f.ret_note, f.node_type, f.node_name, f.provider_node, f.provider_location,
            f.worker_paused, f.worker_uptodate, f.worker_name, f.global_watermark, f.local_watermark,
            f.combined_queue, f.combined_type
        into ret_code, ret_note, node_type, node_name, provider_node, provider_location,
            paused, uptodate, worker_name, global_watermark, local_watermark, combined_queue, combined_type
        from pgq_node.get_node_info(i_queue_name) f;
    if ret_code <> 100 then
        return;
    end if;

    select s.last_tick_id, s.cur_error into completed_tick, cur_error
        from pgq_node.local_state s
        where s.queue_name = i_queue_name
          and s.consumer_name = worker_name;

    if node_type in ('root', 'branch') then
        select max(t.tick_id) into local_queue_top
            from pgq.queue q, pgq.tick t
            where q.queue_name = i_queue_name
              and t.tick_queue = q.queue_id;
    end if;
end;
$$ language plpgsql security definer set search_path = pg_catalog, pg_temp;
