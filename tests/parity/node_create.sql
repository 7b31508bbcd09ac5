-- Creating nodes: every kind, every refusal.
\set QUIET on
\set VERBOSITY terse
\pset format unaligned
\pset null NULL
\pset footer off
select * from pgq_node.get_node_info('q');
select * from pgq_node.is_root_node('q');
select * from pgq_node.is_leaf_node('q');
select * from pgq_node.create_node('q', 'root', 'n1', 'n1_worker', null, null, null);
select * from pgq_node.register_location('q', 'n1', 'dbname=n1', false);
select * from pgq_node.register_location('q', 'n2', 'dbname=n2', false);
select * from pgq_node.create_node('q', 'root', 'n1', 'n1_worker', 'n2', null, null);
select * from pgq_node.create_node('q', 'root', 'n1', 'n1_worker', null, 1, null);
select * from pgq_node.create_node('q', 'root', 'n1', 'n1_worker', null, null, 'x');
select * from pgq_node.create_node('q', 'branch', 'n1', 'n1_worker', null, 1, null);
select * from pgq_node.create_node('q', 'branch', 'n1', 'n1_worker', 'n2', null, null);
select * from pgq_node.create_node('q', 'branch', 'n1', 'n1_worker', 'n2', 5, 'comb');
select * from pgq_node.create_node('q', 'branch', 'n1', 'n1_worker', 'n7', 5, null);
select * from pgq_node.create_node('q', 'leaf', 'n1', 'n1_worker', null, 5, null);
select * from pgq_node.create_node('q', 'leaf', 'n1', 'n1_worker', 'n2', null, null);
select * from pgq_node.create_node('q', 'leaf', 'n1', 'n1_worker', 'n2', 5, 'nosuch');
select * from pgq_node.create_node('q', 'root', 'n1', null, null, null, null);
select * from pgq_node.create_node('q', 'root', 'n1', 'n1_worker', null, null, null);
select * from pgq_node.create_node('q', 'root', 'n1', 'n1_worker', null, null, null);
select * from pgq_node.create_node('q', 'branch', 'n2', 'n1_worker', 'n1', 1, null);
select * from pgq_node.register_location('b', 'n1', 'dbname=n1', false);
select * from pgq_node.register_location('b', 'n2', 'dbname=n2', false);
select * from pgq_node.create_node('b', 'branch', 'n2', 'n2_worker', 'n1', 7, null);
select tick_id from pgq.tick join pgq.queue on tick_queue = queue_id where queue_name = 'b' order by 1;
select * from pgq_node.register_location('b1', 'n1', 'dbname=n1', false);
select * from pgq_node.register_location('b1', 'n2', 'dbname=n2', false);
select * from pgq_node.create_node('b1', 'branch', 'n2', 'n2_worker', 'n1', 1, null);
select tick_id from pgq.tick join pgq.queue on tick_queue = queue_id where queue_name = 'b1' order by 1;
select * from pgq_node.register_location('l', 'n1', 'dbname=n1', false);
select * from pgq_node.register_location('l', 'n3', 'dbname=n3', false);
select * from pgq_node.create_node('l', 'leaf', 'n3', 'n3_worker', 'n1', 9, null);
select * from pgq_node.register_location('m', 'p1', 'dbname=p1', false);
select * from pgq_node.register_location('m', 'm1', 'dbname=m1', false);
select * from pgq_node.create_node('m', 'leaf', 'm1', 'm1_worker', 'p1', 9, 'q');
select * from pgq_node.register_location('mb', 'p1', 'dbname=p1', false);
select * from pgq_node.register_location('mb', 'm1', 'dbname=m1', false);
select * from pgq_node.create_node('mb', 'leaf', 'm1', 'm1_worker', 'p1', 9, 'b');
select * from pgq_node.is_root_node('q'), pgq_node.is_leaf_node('q');
select * from pgq_node.is_root_node('b'), pgq_node.is_leaf_node('b');
select * from pgq_node.is_root_node('l'), pgq_node.is_leaf_node('l');
select * from pgq_node.is_root_node(null);
select * from pgq_node.get_node_info('q');
select * from pgq_node.get_node_info('b');
select * from pgq_node.get_node_info('b1');
select * from pgq_node.get_node_info('l');
select * from pgq_node.get_node_info('m');
select * from pgq_node.get_node_info('mb');
select * from pgq_node.get_node_info(null);
select * from pgq_node.get_worker_state('q');
select * from pgq_node.get_worker_state('b');
select * from pgq_node.get_worker_state('l');
select * from pgq_node.get_worker_state('m');
select * from pgq_node.get_worker_state('mb');
select * from pgq_node.get_worker_state('nosuch');
select * from pgq_node.set_node_attrs('b', 'sync_watermark=n1%2cn2');
select * from pgq_node.set_node_attrs('nosuch', 'x=1');
select node_attrs from pgq_node.get_node_info('b');
select * from pgq_node.set_node_attrs('b', null);
select pgq_node.maint_watermark('q');
select pgq_node.maint_watermark('b');
select pgq_node.maint_watermark('nosuch');
select pgq_node.upgrade_schema();
select pgq_node.version();

\echo == stored
select * from pgq_node.node_location order by 1, 2;
select * from pgq_node.node_info order by 1;
select * from pgq_node.local_state order by 1, 2;
select * from pgq_node.subscriber_info order by 1, 2;
select queue_name, queue_external_ticker, queue_disable_insert from pgq.queue order by 1;
select queue_name, consumer_name, last_tick from pgq.get_consumer_info() order by 1, 2;
select ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4 from pgq.event_template order by ev_id, ev_type;

