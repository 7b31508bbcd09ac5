-- set_partition_watermark(3): on a branch of a combined queue, moves the worker of a partition queue to the tick that the
-- combined queue has delivered.
--
-- Parameters:
--   i_combined_queue_name   combined queue
--   i_part_queue_name       partition queue, a leaf here that is merged into the combined queue
--   i_watermark             tick of the partition queue
-- Returns: 200; 201 nothing to do here (no such leaf, or the combined queue is not a branch); 401 worker is missing.
-- Tables: pgq_node.node_info (read), local_state (update).
create or replace function pgq_node.set_partition_watermark(
    in i_combined_queue_name    text,
    in i_part_queue_name        text,
    in i_watermark              bigint,
    out ret_code                int4,
    out ret_note                text)
returns record as $$
declare
    part_worker     text;
begin
    select p.worker_name into part_worker
        from pgq_node.node_info p, pgq_node.node_info c
        where p.queue_name = i_part_queue_name
          and p.node_type = 'leaf'
          and p.combined_queue = i_combined_queue_name
          and c.queue_name = i_combined_queue_name
          and c.node_type = 'branch';
    if not found then
        select 201, 'Part-queue does not exist' into ret_code, ret_note;
        return;
    end if;

    update pgq_node.local_state s
        set last_tick_id = i_watermark
        where s.queue_name = i_part_queue_name
          and s.consumer_name = part_worker;
    if not found then
        select 401, 'Worker registration not found' into ret_code, ret_note;
        return;
    end if;

    select 200, 'Ok' into ret_code, ret_note;
end;
$$ language plpgsql security definer set search_path = pg_catalog, pg_temp;
