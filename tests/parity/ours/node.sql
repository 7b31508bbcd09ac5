-- Where pgq_node leaves the ancestor on purpose: steps that can be repeated, notes and events that were wrong.
\set QUIET on
\set VERBOSITY terse
\pset format unaligned
\pset null NULL
\pset footer off
select * from pgq_node.register_location('q', 'n1', 'dbname=n1', false);
select * from pgq_node.register_location('q', 'n2', 'dbname=n2', false);
select * from pgq_node.create_node('q', 'twig', 'n1', 'n1_worker', null, null, null);
select * from pgq_node.create_node('q', 'root', 'n1', 'n1_worker', null, null, null);
select * from pgq_node.set_global_watermark('nosuch', 2);
select * from pgq_node.set_subscriber_watermark('q', 'n2', 3);
\echo == a location that is registered with nulls keeps what is known, and the event tells it
select * from pgq_node.register_location('q', 'n2', null, true);
select * from pgq_node.register_location('q', 'n2', 'dbname=n2b', null);
select * from pgq_node.get_queue_locations('q');
select ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3 from pgq.event_template order by ev_id;
\echo == a subscriber that is registered again
select pgq.force_tick('q') > 0;
select pgq.ticker('q');
select * from pgq_node.register_subscriber('q', 'n2', 'n2_worker', null);
select * from pgq_node.set_global_watermark('q', 2);
select * from pgq_node.register_subscriber('q', 'n2', 'n2_worker', null);
select * from pgq_node.register_subscriber('q', 'n2', 'n2_worker', 2);
select * from pgq_node.register_subscriber('q', 'n2', 'n2_worker', 2);
select * from pgq_node.register_subscriber('q', 'n2', 'n2_worker', 99);
select * from pgq_node.register_subscriber('q', 'n2', 'other_worker', 2);
select consumer_name, last_tick from pgq.get_consumer_info('q') order by 1;
\echo == switchover steps that were done
select * from pgq_node.promote_branch('q');
select * from pgq_node.demote_root('q', 1, null);
begin isolation level repeatable read;
select * from pgq_node.demote_root('q', 2, null);
rollback;
begin;
update pgq.queue set queue_ntables = queue_ntables;
select * from pgq_node.demote_root('q', 2, null);
rollback;
select * from pgq_node.demote_root('q', 2, null);
select * from pgq_node.demote_root('q', 3, 'n2');
select * from pgq_node.demote_root('q', 1, null);
select * from pgq_node.demote_root('q', 2, null);
select * from pgq_node.demote_root('q', 3, 'n2');
select * from pgq_node.demote_root('q', 3, 'n1');
select * from pgq_node.promote_branch('q');
select * from pgq_node.promote_branch('q');
\echo == an ordinary queue is no node
select pgq.create_queue('plain');
select * from pgq_node.drop_node('plain', 'n1');
select queue_name from pgq.queue order by 1;
