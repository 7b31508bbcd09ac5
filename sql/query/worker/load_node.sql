-- What a worker has to know of its node, in one look.
-- $1 text      queue name
-- $2 text      consumer name of the worker
-- Returns one row: ret_code int4, ret_note text, node_type text, node_name text, worker_name text, combined_queue text,
-- combined_type text, local_watermark int8, global_watermark int8, node_attrs text, state_code int4, state_note text, completed_tick int8, provider_node text,
-- provider_location text, paused bool, uptodate bool, cur_error text, queue_top int8 (newest tick of the local queue,
-- null on a leaf).
select n.ret_code, n.ret_note, n.node_type, n.node_name, n.worker_name, n.combined_queue, n.combined_type,
       n.local_watermark, n.global_watermark, n.node_attrs, c.ret_code as state_code, c.ret_note as state_note, c.completed_tick, c.provider_node,
       c.provider_location, c.paused, c.uptodate, c.cur_error,
       (select max(t.tick_id) from pgq.queue q join pgq.tick t on t.tick_queue = q.queue_id
         where q.queue_name = $1::text) as queue_top
  from pgq_node.get_node_info($1::text) n
  left join pgq_node.get_consumer_state($1::text, $2::text) c on true
