-- Tables on a branch; then the node is dropped and its triggers with it.
\set QUIET on
\set VERBOSITY terse
\pset format unaligned
\pset null NULL
\pset footer off
create table t1 (id int4 primary key, v text);
create table t2 (id int4 primary key, v text);
select ret_code from pgq_node.register_location('q', 'n1', 'dbname=n1', false);
select ret_code from pgq_node.register_location('q', 'n2', 'dbname=n2', false);
select ret_code from pgq_node.create_node('q', 'branch', 'n2', 'n2_worker', 'n1', 1, null);
select * from londiste.global_add_table('q', 'public.t1');
select * from londiste.global_add_table('q', 'public.t2');
select * from londiste.local_add_table('q', 'public.t1');
select * from londiste.local_add_table('q', 'public.t2', array['tgflags=IQ'], null);
insert into t1 values (1, 'x');
insert into t2 values (1, 'x');
update t2 set v = 'y';
truncate t1;
select tgrelid::regclass, tgname, pg_get_triggerdef(oid) from pg_trigger where not tgisinternal and tgrelid <> 'londiste.table_info'::regclass order by 1, 2;
select ret_code, ret_note from pgq_node.drop_node('q', 'n2');

\echo == stored
select * from londiste.table_info order by queue_name, table_name;
select * from londiste.seq_info order by queue_name, seq_name;
select queue_name, execute_file, execute_sql, execute_attrs from londiste.applied_execute order by 1, 2;
select * from londiste.pending_fkeys order by 1, 3;
select tgrelid::regclass, tgname, tgenabled, pg_get_triggerdef(oid) from pg_trigger where not tgisinternal and tgrelid <> 'londiste.table_info'::regclass order by 1, 2;
select ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4 from pgq.event_template order by ev_id, ev_type;

