-- Switchover steps on a root and on a branch, watermarks of a branch.
\set QUIET on
\set VERBOSITY terse
\pset format unaligned
\pset null NULL
\pset footer off
select * from pgq_node.demote_root('q', 1, 'n2');
select * from pgq_node.promote_branch('q');
select * from pgq_node.register_location('q', 'n1', 'dbname=n1', false);
select * from pgq_node.register_location('q', 'n2', 'dbname=n2', false);
select * from pgq_node.create_node('q', 'root', 'n1', 'n1_worker', null, null, null);
select pgq.force_tick('q') > 0;
select pgq.ticker('q');
select * from pgq_node.demote_root('q', 2, 'n2');
select * from pgq_node.demote_root('q', 3, 'n2');
select * from pgq_node.demote_root('q', 4, 'n2');
select * from pgq_node.demote_root('q', 0, 'n2');
select * from pgq_node.demote_root('q', null, 'n2');
select * from pgq_node.set_consumer_uptodate('q', 'n1_worker', true);
select * from pgq_node.demote_root('q', 1, 'n2');
select queue_disable_insert, queue_external_ticker from pgq.queue;
select * from pgq_node.demote_root('q', 1, 'n2');
select pgq.insert_event('q', 't', 'd');
select * from pgq_node.demote_root('q', 2, 'n2');
select * from pgq_node.demote_root('q', 2, 'n2');
select tick_id from pgq.tick order by 1;
select * from pgq_node.demote_root('q', 3, 'n7');
select * from pgq_node.demote_root('q', 3, 'n2');
select node_type, worker_last_tick, worker_uptodate, provider_node from pgq_node.get_node_info('q');
select * from pgq_node.set_global_watermark('q', null);
select * from pgq_node.set_global_watermark('q', 2);
select * from pgq_node.set_global_watermark('q', 77);
select * from pgq_node.get_node_info('q');
set session_replication_role = replica;
select pgq.ticker('q', 11, '2030-01-01 00:00:00+00', 5000) ;
reset session_replication_role;
select * from pgq_node.set_consumer_completed('q', 'n1_worker', 11);
select * from pgq_node.set_consumer_uptodate('q', 'n1_worker', true);
select * from pgq_node.get_worker_state('q');
select * from pgq_node.register_subscriber('q', 'n2', 'n2_worker', 11);
select * from pgq_node.promote_branch('q');
select queue_disable_insert, queue_external_ticker from pgq.queue;
select node_type, worker_last_tick, worker_uptodate, provider_node from pgq_node.get_node_info('q');
select pgq.force_tick('q') > 0;
select pgq.ticker('q');
select tick_id from pgq.tick order by 1;

\echo == stored
select * from pgq_node.node_location order by 1, 2;
select * from pgq_node.node_info order by 1;
select * from pgq_node.local_state order by 1, 2;
select * from pgq_node.subscriber_info order by 1, 2;
select queue_name, queue_external_ticker, queue_disable_insert from pgq.queue order by 1;
select queue_name, consumer_name, last_tick from pgq.get_consumer_info() order by 1, 2;
select ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4 from pgq.event_template order by ev_id, ev_type;

