-- Subscriber side: consumers of a node, their state, errors, pauses.
\set QUIET on
\set VERBOSITY terse
\pset format unaligned
\pset null NULL
\pset footer off
select * from pgq_node.register_location('l', 'n1', 'dbname=n1', false);
select * from pgq_node.register_location('l', 'n2', 'dbname=n2', false);
select * from pgq_node.register_location('l', 'n3', 'dbname=n3', false);
select * from pgq_node.register_consumer('l', 'c1', 'n1', 4);
select * from pgq_node.create_node('l', 'leaf', 'n3', 'n3_worker', 'n1', 9, null);
select * from pgq_node.get_consumer_state('nosuch', 'c1');
select * from pgq_node.get_consumer_state('l', 'c1');
select * from pgq_node.get_consumer_state('l', 'n3_worker');
select * from pgq_node.get_consumer_state(null, null);
select * from pgq_node.register_consumer('l', 'c1', 'n1', 4);
-- Ours tells by a notice that the consumer is moved.
set client_min_messages = warning;
select * from pgq_node.register_consumer('l', 'c1', 'n2', 6);
reset client_min_messages;
select * from pgq_node.register_consumer('l', 'c2', 'n7', 6);
select * from pgq_node.register_consumer('l', 'c2', 'n1', null);
select * from pgq_node.register_consumer('nosuch', 'c2', 'n1', 6);
select * from pgq_node.get_consumer_info('l');
select * from pgq_node.get_consumer_info('nosuch');
select * from pgq_node.set_consumer_uptodate('l', 'c1', true);
select * from pgq_node.set_consumer_uptodate('l', 'c7', true);
select * from pgq_node.set_consumer_uptodate('nosuch', 'c1', true);
select * from pgq_node.set_consumer_uptodate('l', 'c1', null);
select * from pgq_node.set_consumer_paused('l', 'c1', true);
select * from pgq_node.get_consumer_info('l');
select * from pgq_node.set_consumer_uptodate('l', 'c1', true);
select * from pgq_node.set_consumer_paused('l', 'c1', true);
select * from pgq_node.get_consumer_info('l');
select * from pgq_node.set_consumer_paused('l', 'c1', false);
select * from pgq_node.set_consumer_paused('l', 'c1', false);
select * from pgq_node.set_consumer_paused('l', 'c7', false);
select * from pgq_node.set_consumer_paused('nosuch', 'c1', false);
select * from pgq_node.set_consumer_paused('l', 'c1', null);
select * from pgq_node.set_consumer_error('l', 'c1', 'boom');
select * from pgq_node.set_consumer_error('l', 'c7', 'boom');
select * from pgq_node.set_consumer_error('nosuch', 'c1', 'boom');
select * from pgq_node.get_consumer_state('l', 'c1');
select * from pgq_node.set_consumer_error('l', 'c1', null);
select * from pgq_node.set_consumer_error('l', 'c1', 'boom');
select * from pgq_node.set_consumer_completed('l', 'c1', 12);
select * from pgq_node.set_consumer_completed('l', 'c7', 12);
select * from pgq_node.set_consumer_completed('nosuch', 'c1', 12);
select * from pgq_node.set_consumer_completed('l', 'c1', null);
select * from pgq_node.get_consumer_state('l', 'c1');
select * from pgq_node.set_consumer_completed('l', 'n3_worker', 11);
select * from pgq_node.get_node_info('l');
select * from pgq_node.get_worker_state('l');
select * from pgq_node.change_consumer_provider('l', 'c1', 'n1');
select * from pgq_node.change_consumer_provider('l', 'c1', 'n7');
select * from pgq_node.change_consumer_provider('l', 'c7', 'n1');
select * from pgq_node.change_consumer_provider('nosuch', 'c1', 'n1');
select * from pgq_node.change_consumer_provider('l', 'n3_worker', 'n2');
select * from pgq_node.get_consumer_info('l');
select * from pgq_node.set_global_watermark('l', 3);
select * from pgq_node.set_global_watermark('l', null);
select * from pgq_node.unregister_consumer('l', 'c1');
select * from pgq_node.unregister_consumer('l', 'c1');
select * from pgq_node.unregister_consumer('nosuch', 'c1');

\echo == stored
select * from pgq_node.node_location order by 1, 2;
select * from pgq_node.node_info order by 1;
select * from pgq_node.local_state order by 1, 2;
select * from pgq_node.subscriber_info order by 1, 2;
select queue_name, queue_external_ticker, queue_disable_insert from pgq.queue order by 1;
select queue_name, consumer_name, last_tick from pgq.get_consumer_info() order by 1, 2;
select ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4 from pgq.event_template order by ev_id, ev_type;

