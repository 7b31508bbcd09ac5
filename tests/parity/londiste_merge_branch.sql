-- The same on a branch of the combined queue.
\set QUIET on
\set VERBOSITY terse
\pset format unaligned
\pset null NULL
\pset footer off
select ret_code from pgq_node.register_location('x', 'here', 'dbname=here', false);
select ret_code from pgq_node.register_location('x', 'up', 'dbname=up', false);
select ret_code from pgq_node.create_node('x', 'branch', 'here', 'x_worker', 'up', 1, null);
select ret_code from pgq_node.register_location('p1', 'here', 'dbname=here', false);
select ret_code from pgq_node.register_location('p1', 'up', 'dbname=up', false);
select ret_code from pgq_node.create_node('p1', 'leaf', 'here', 'p1_worker', 'up', 1, 'x');
select ret_code from pgq_node.register_location('p2', 'here', 'dbname=here', false);
select ret_code from pgq_node.register_location('p2', 'up', 'dbname=up', false);
select ret_code from pgq_node.create_node('p2', 'leaf', 'here', 'p2_worker', 'up', 1, 'x');
create table t (id int4 primary key, v text);
create table fk (id int4 primary key, t int4 references t);
select * from londiste.global_add_table('p1', 'public.t');
select * from londiste.get_table_list('x');
select * from londiste.global_add_table('p2', 'public.t');
select * from londiste.local_add_table('p1', 'public.t', array['merge_all', 'backup'], 'a=1');
select * from londiste.global_add_table('p1', 'public.fk');
select * from londiste.global_add_table('p2', 'public.fk');
select * from londiste.local_add_table('p1', 'public.fk');
select * from londiste.get_table_list('x');
select * from londiste.get_table_list('p1');
select * from londiste.get_table_list('p2');
select londiste.drop_table_fkey('public.fk', 'fk_t_fkey');
select from_table, to_table, fkey_name from londiste.get_valid_pending_fkeys('p1');
select from_table, to_table, fkey_name from londiste.get_valid_pending_fkeys('x');
update londiste.table_info set merge_state = 'ok';
select from_table, to_table, fkey_name from londiste.get_valid_pending_fkeys('p1');
select from_table, to_table, fkey_name from londiste.get_valid_pending_fkeys('p2');
select from_table, to_table, fkey_name from londiste.get_valid_pending_fkeys('x');
select * from londiste.global_remove_table('p1', 'public.t');

\echo == stored
select * from londiste.table_info order by queue_name, table_name;
select tgrelid::regclass, tgname, tgenabled, pg_get_triggerdef(oid) from pg_trigger where not tgisinternal and tgrelid <> 'londiste.table_info'::regclass order by 1, 2;
select ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4 from pgq.event_template order by ev_id, ev_type;

