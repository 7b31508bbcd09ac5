-- The cascaded consumers that write into this node, its worker among them.
-- $1 text      queue name
-- Returns one row per consumer, by name: consumer_name text, provider_node text, last_tick_id int8, paused bool,
-- uptodate bool, cur_error text.
select c.consumer_name, c.provider_node, c.last_tick_id, c.paused, c.uptodate, c.cur_error
  from pgq_node.get_consumer_info($1::text) c
 order by c.consumer_name
