-- Sequences on a root and on a leaf.
\set QUIET on
\set VERBOSITY terse
\pset format unaligned
\pset null NULL
\pset footer off
create sequence s1;
create sequence s2 start 500 increment 5;
create table ser (id serial primary key);
select ret_code from pgq_node.register_location('q', 'n1', 'dbname=n1', false);
select ret_code from pgq_node.create_node('q', 'root', 'n1', 'n1_worker', null, null, null);
select ret_code from pgq_node.register_location('l', 'n1', 'dbname=n1', false);
select ret_code from pgq_node.register_location('l', 'n2', 'dbname=n2', false);
select ret_code from pgq_node.create_node('l', 'leaf', 'n2', 'n2_worker', 'n1', 1, null);
select * from londiste.get_seq_list('q');
select * from londiste.local_add_seq('q', 'public.s1');
select * from londiste.local_add_seq('q', 'public.s1');
select * from londiste.local_add_seq('q', 's2');
select * from londiste.local_add_seq('q', 'public.s2');
select * from londiste.local_add_seq('q', 'public.nosuch');
select * from londiste.local_add_seq('nosuch', 'public.s1');
select * from londiste.local_add_seq('q', 'public.ser_id_seq');
select * from londiste.local_add_table('q', 'public.ser');
select * from londiste.get_seq_list('q');
select setval('s1', 19000);
select * from londiste.root_check_seqs('q');
select setval('s1', 20001);
select * from londiste.root_check_seqs('q');
select * from londiste.root_check_seqs('q', 5);
select setval('s1', 60000);
select * from londiste.root_check_seqs('q', 20);
select * from londiste.root_check_seqs('q', null);
select * from londiste.root_check_seqs('q', 50000);
select * from londiste.root_check_seqs('l');
select * from londiste.root_check_seqs('nosuch');
select * from londiste.get_seq_list('q');
select * from londiste.global_update_seq('q', 'public.s1', 5);
select * from londiste.global_update_seq('nosuch', 'public.s1', 5);
select * from londiste.local_remove_table('q', 'public.ser');
select * from londiste.local_remove_seq('q', 'public.s2');
select * from londiste.local_remove_seq('q', 'public.s2');
select * from londiste.local_remove_seq('nosuch', 'public.s2');
select * from londiste.get_seq_list('q');
create sequence ls;
select * from londiste.local_add_seq('l', 'public.ls');
select * from londiste.global_update_seq('l', 'public.ls', 1000);
select * from londiste.global_update_seq('l', 'public.gone', 1000);
select * from londiste.local_show_missing('l');
select * from londiste.get_seq_list('l');
select last_value, is_called from ls;
select * from londiste.local_add_seq('l', 'public.gone');
select * from londiste.local_add_seq('l', 'public.ls');
select last_value, is_called from ls;
select * from londiste.local_add_seq('l', 'public.ls');
select * from londiste.global_update_seq('l', 'public.ls', 2000);
select last_value, is_called from ls;
select * from londiste.global_update_seq('l', 'public.ls', 1500);
select last_value, is_called from ls;
select * from londiste.get_seq_list('l');
select * from londiste.local_remove_seq('l', 'public.ls');
select * from londiste.local_remove_seq('l', 'public.ls');
select * from londiste.global_remove_seq('l', 'public.ls');
select * from londiste.global_remove_seq('l', 'public.ls');
select * from londiste.global_remove_seq('nosuch', 'public.ls');
select * from londiste.global_remove_seq('q', 'public.s1');
select * from londiste.local_add_seq('l', 'public.s1');
select nextval('s1');

\echo == stored
select * from londiste.table_info order by queue_name, table_name;
select * from londiste.seq_info order by queue_name, seq_name;
select queue_name, execute_file, execute_sql, execute_attrs from londiste.applied_execute order by 1, 2;
select * from londiste.pending_fkeys order by 1, 3;
select tgrelid::regclass, tgname, tgenabled, pg_get_triggerdef(oid) from pg_trigger where not tgisinternal and tgrelid <> 'londiste.table_info'::regclass order by 1, 2;
select ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4 from pgq.event_template order by ev_id, ev_type;

