-- Map of nodes: register_location, unregister_location, get_queue_locations, and what a root sends down.
\set QUIET on
\set VERBOSITY terse
\pset format unaligned
\pset null NULL
\pset footer off
select * from pgq_node.register_location('q', 'n1', 'dbname=n1', false);
select * from pgq_node.register_location('q', 'n1', null, true);
select * from pgq_node.get_queue_locations('q');
select * from pgq_node.register_location('q', 'n9', null, false);
select * from pgq_node.register_location('q', 'n1', 'dbname=n1b', false);
select * from pgq_node.get_queue_locations('q');
select * from pgq_node.unregister_location('q', 'n9');
select * from pgq_node.unregister_location('q', 'n1');
select * from pgq_node.get_queue_locations('q');
select * from pgq_node.register_location('q', 'n1', 'dbname=n1', false);
select * from pgq_node.create_node('q', 'root', 'n1', 'n1_worker', null, null, null);
select * from pgq_node.register_location('q', 'n2', 'dbname=n2', false);
select * from pgq_node.register_location('q', 'n3', 'dbname=n3', true);
select * from pgq_node.register_location('q', 'n4', null, true);
select * from pgq_node.register_location('q', null, 'dbname=n2', false);
select * from pgq_node.register_subscriber('q', 'n2', 'n2_worker', null);
select * from pgq_node.unregister_location('q', 'n1');
select * from pgq_node.unregister_location('q', 'n2');
select * from pgq_node.unregister_location('q', 'n5');
select * from pgq_node.get_queue_locations('q');
select * from pgq_node.get_queue_locations('nosuch');
select * from pgq_node.get_queue_locations(null);

\echo == stored
select * from pgq_node.node_location order by 1, 2;
select * from pgq_node.node_info order by 1;
select * from pgq_node.local_state order by 1, 2;
select * from pgq_node.subscriber_info order by 1, 2;
select queue_name, queue_external_ticker, queue_disable_insert from pgq.queue order by 1;
select queue_name, consumer_name, last_tick from pgq.get_consumer_info() order by 1, 2;
select ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4 from pgq.event_template order by ev_id, ev_type;

