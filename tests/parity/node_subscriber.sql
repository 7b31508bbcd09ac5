-- Provider side: subscribers and their watermarks.
\set QUIET on
\set VERBOSITY terse
\pset format unaligned
\pset null NULL
\pset footer off
select * from pgq_node.register_subscriber('q', 'n2', 'n2_worker', null);
select * from pgq_node.register_location('q', 'n1', 'dbname=n1', false);
select * from pgq_node.register_location('q', 'n2', 'dbname=n2', false);
select * from pgq_node.register_location('q', 'n3', 'dbname=n3', false);
select * from pgq_node.create_node('q', 'root', 'n1', 'n1_worker', null, null, null);
select pgq.force_tick('q') > 0;
select pgq.ticker('q');
select pgq.force_tick('q') > 0;
select pgq.ticker('q');
select * from pgq_node.register_subscriber('q', 'n2', 'n2_worker', null);
select * from pgq_node.register_subscriber('q', 'n3', 'n3_worker', 2);
select * from pgq_node.register_subscriber('q', 'n7', 'n7_worker', null);
select * from pgq_node.register_subscriber('nosuch', 'n7', 'n7_worker', null);
select * from pgq_node.register_subscriber('q', null, 'n7_worker', null);
select * from pgq_node.get_subscriber_info('q');
select * from pgq_node.get_subscriber_info('nosuch');
select * from pgq_node.get_node_info('q');
select * from pgq_node.set_subscriber_watermark('q', 'n2', 2);
select * from pgq_node.set_subscriber_watermark('q', 'n2', 2);
select * from pgq_node.set_subscriber_watermark('q', 'n2', 1);
select * from pgq_node.set_subscriber_watermark('q', 'n2', 77);
select * from pgq_node.set_subscriber_watermark('q', 'n2', null);
select * from pgq_node.set_subscriber_watermark('q', 'n3', 3);
select * from pgq_node.get_subscriber_info('q');
select global_watermark, local_watermark from pgq_node.get_node_info('q');
select * from pgq_node.set_global_watermark('q', null);
select * from pgq_node.get_node_info('q');
select * from pgq_node.set_global_watermark('q', 2);
select * from pgq_node.set_global_watermark('q', 1);
select * from pgq_node.set_global_watermark('q', 99);
select * from pgq_node.unregister_subscriber('q', 'n3');
select * from pgq_node.unregister_subscriber('q', 'n3');
select * from pgq_node.unregister_subscriber('nosuch', 'n3');
select * from pgq_node.get_subscriber_info('q');
select * from pgq_node.get_node_info('q');
select * from pgq_node.register_location('l', 'n1', 'dbname=n1', false);
select * from pgq_node.register_location('l', 'n3', 'dbname=n3', false);
select * from pgq_node.create_node('l', 'leaf', 'n3', 'n3_worker', 'n1', 9, null);
select * from pgq_node.register_subscriber('l', 'n1', 'n1_worker', null);

\echo == stored
select * from pgq_node.node_location order by 1, 2;
select * from pgq_node.node_info order by 1;
select * from pgq_node.local_state order by 1, 2;
select * from pgq_node.subscriber_info order by 1, 2;
select queue_name, queue_external_ticker, queue_disable_insert from pgq.queue order by 1;
select queue_name, consumer_name, last_tick from pgq.get_consumer_info() order by 1, 2;
select ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4 from pgq.event_template order by ev_id, ev_type;

