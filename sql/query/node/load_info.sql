-- What the database knows about its node of a queue.
-- $1 text      queue name
-- Returns one row: ret_code int4 (100, or 404 = no node of that queue here), ret_note text, and the facts
-- (cascade.md 4.2); all facts are null when there is no node.
select i.ret_code, i.ret_note, i.node_type, i.node_name, i.global_watermark, i.local_watermark, i.provider_node,
       i.provider_location, i.combined_queue, i.combined_type, i.worker_name, i.worker_paused, i.worker_uptodate,
       i.worker_last_tick, i.node_attrs, i.target_for
  from pgq_node.get_node_info($1::text) i
