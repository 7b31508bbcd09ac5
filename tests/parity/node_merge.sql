-- Partition queues merged into a combined queue, on the combined root and on its branch.
\set QUIET on
\set VERBOSITY terse
\pset format unaligned
\pset null NULL
\pset footer off
select * from pgq_node.register_location('x', 'c1', 'dbname=c1', false);
select * from pgq_node.register_location('x', 'c2', 'dbname=c2', false);
select * from pgq_node.create_node('x', 'root', 'c1', 'x_worker', null, null, null);
select * from pgq_node.register_location('p1', 'c1', 'dbname=c1', false);
select * from pgq_node.register_location('p1', 'p1', 'dbname=p1', false);
select * from pgq_node.create_node('p1', 'leaf', 'c1', 'p1_worker', 'p1', 5, 'x');
select * from pgq_node.register_location('p2', 'c1', 'dbname=c1', false);
select * from pgq_node.register_location('p2', 'p2', 'dbname=p2', false);
select * from pgq_node.create_node('p2', 'leaf', 'c1', 'p2_worker', 'p2', 6, 'x');
select combined_queue, combined_type, target_for from pgq_node.get_node_info('x');
select combined_queue, combined_type, target_for from pgq_node.get_node_info('p1');
select * from pgq_node.set_partition_watermark('x', 'p1', 8);
select * from pgq_node.set_partition_watermark('x', 'nosuch', 8);
select * from pgq_node.set_partition_watermark('nosuch', 'p1', 8);
select * from pgq_node.demote_root('x', 1, 'c2');
select * from pgq_node.demote_root('x', 2, 'c2');
select * from pgq_node.demote_root('x', 3, 'c2');
select * from pgq_node.set_partition_watermark('x', 'p1', 8);
select * from pgq_node.set_partition_watermark('x', 'p1', 8);
select * from pgq_node.set_partition_watermark('x', 'x', 8);
select * from pgq_node.set_partition_watermark('x', 'nosuch', 8);
select * from pgq_node.set_partition_watermark('nosuch', 'p1', 8);
delete from pgq_node.local_state where queue_name = 'p2';
select * from pgq_node.set_partition_watermark('x', 'p2', 8);
select * from pgq_node.get_node_info('p2');
select * from pgq_node.get_node_info('p1');
select * from pgq_node.get_worker_state('p1');

\echo == stored
select * from pgq_node.node_location order by 1, 2;
select * from pgq_node.node_info order by 1;
select * from pgq_node.local_state order by 1, 2;
select * from pgq_node.subscriber_info order by 1, 2;
select queue_name, queue_external_ticker, queue_disable_insert from pgq.queue order by 1;
select queue_name, consumer_name, last_tick from pgq.get_consumer_info() order by 1, 2;
select ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4 from pgq.event_template order by ev_id, ev_type;

