-- Dropping nodes and members.
\set QUIET on
\set VERBOSITY terse
\pset format unaligned
\pset null NULL
\pset footer off
select * from pgq_node.register_location('b', 'n1', 'dbname=n1', false);
select * from pgq_node.register_location('b', 'n2', 'dbname=n2', false);
select * from pgq_node.register_location('b', 'n3', 'dbname=n3', false);
select * from pgq_node.register_location('b', 'n4', 'dbname=n4', false);
select * from pgq_node.create_node('b', 'branch', 'n2', 'n2_worker', 'n1', 7, null);
select * from pgq_node.register_subscriber('b', 'n3', 'n3_worker', null);
select * from pgq_node.drop_node('b', 'n1');
select * from pgq_node.unregister_location('b', 'n1');
select * from pgq_node.unregister_location('b', 'n2');
select * from pgq_node.drop_node('b', 'n3');
select * from pgq_node.drop_node('b', 'n3');
select * from pgq_node.drop_node('b', 'n9');
select * from pgq_node.register_subscriber('b', 'n4', 'n4_worker', null);
select * from pgq_node.get_queue_locations('b');
select * from pgq_node.drop_node('b', 'n2');
select * from pgq_node.get_queue_locations('b');
select * from pgq_node.drop_node('b', 'n2');
select * from pgq_node.register_location('l', 'n1', 'dbname=n1', false);
select * from pgq_node.register_location('l', 'n3', 'dbname=n3', false);
select * from pgq_node.create_node('l', 'leaf', 'n3', 'n3_worker', 'n1', 9, null);
select * from pgq_node.drop_node('l', 'n3');
select * from pgq_node.drop_node('l', 'n3');
select * from pgq_node.register_location('u', 'n1', 'dbname=n1', false);
select * from pgq_node.drop_node('u', 'n1');

\echo == stored
select * from pgq_node.node_location order by 1, 2;
select * from pgq_node.node_info order by 1;
select * from pgq_node.local_state order by 1, 2;
select * from pgq_node.subscriber_info order by 1, 2;
select queue_name, queue_external_ticker, queue_disable_insert from pgq.queue order by 1;
select queue_name, consumer_name, last_tick from pgq.get_consumer_info() order by 1, 2;
select ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4 from pgq.event_template order by ev_id, ev_type;

