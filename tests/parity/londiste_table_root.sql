-- Tables on a root: add, change, remove; every refusal.
\set QUIET on
\set VERBOSITY terse
\pset format unaligned
\pset null NULL
\pset footer off
create table t1 (id int4 primary key, v text);
create table t2 (id serial primary key, v text);
create table nokey (a int4, b text);
create schema "S x";
create table "S x"."T1" ("K" int4 primary key, v text);
select * from londiste.get_table_list('q');
select * from londiste.global_add_table('q', 'public.t1');
select * from londiste.local_add_table('q', 'public.t1');
select ret_code from pgq_node.register_location('q', 'n1', 'dbname=n1', false);
select ret_code from pgq_node.create_node('q', 'root', 'n1', 'n1_worker', null, null, null);
select * from londiste.local_add_table('q', 't1');
select * from londiste.local_add_table('q', 'public.t1');
select * from londiste.local_add_table('q', 'public.t1', null);
select * from londiste.local_add_table('q', 'public.t1', array['expect_sync'], 'handler=x');
select * from londiste.local_add_table('q', 'public.t2', array['backup', 'skip_truncate'], 'handler=x&max_parallel_copy=2');
select * from londiste.local_add_table('q', 'public.t2', array['backup', 'skip_truncate'], 'handler=x&max_parallel_copy=2');
select * from londiste.local_add_table('q', 'public.t2', array['backup'], 'handler=x&max_parallel_copy=2&skip_truncate=1');
select * from londiste.local_add_table('q', 'public.nokey');
select * from londiste.local_add_table('q', 'public.nosuch');
select * from londiste.local_add_table('q', 'S x.T1', array[]::text[]);
select * from londiste.local_add_table('q', 'public.t1x', null, null, 'public.t1');
select * from londiste.local_add_table('q', 'public.ren', array['tgflags=I'], null, 'public.t1');
select * from londiste.local_add_table('q', 'public.virt', array['virtual_table'], null);
select * from londiste.local_add_table('q', 'public.both', array['merge_all', 'no_merge'], null);
select * from londiste.local_add_table(null, 'public.t1');
select * from londiste.get_table_list('q');
select * from londiste.local_show_missing('q');
select * from londiste.local_show_missing('nosuch');
insert into t1 values (1, 'a');
update t1 set v = 'b';
insert into t2 (v) values ('x');
insert into "S x"."T1" values (1, 'q');
delete from "S x"."T1";
truncate t2;
select * from londiste.local_set_table_state('q', 'public.t1', '1:2:', 'catching-up');
select * from londiste.local_set_table_struct('q', 'public.t1', 'create index on t1 (v)');
select * from londiste.local_set_table_state('q', 'public.t1', null, 'ok');
select * from londiste.get_table_list('q');
select * from londiste.local_set_table_struct('q', 'public.t1', null);
select * from londiste.local_set_table_state('q', 'public.t1', null, 'ok');
select * from londiste.local_set_table_state('q', 'public.nosuch', null, 'ok');
select * from londiste.local_set_table_state('nosuch', 'public.t1', null, 'ok');
select * from londiste.local_set_table_state('q', null, null, 'ok');
select * from londiste.local_set_table_attrs('q', 'public.t1', 'x=1');
select * from londiste.local_set_table_attrs('q', 'public.nosuch', 'x=1');
select * from londiste.local_set_table_struct('q', 'public.nosuch', 'x');
select * from londiste.local_change_handler('q', 'public.t1', array['ignore=v'], 'handler=y');
select * from londiste.local_change_handler('q', 'public.nosuch', null, 'handler=y');
select * from londiste.local_change_handler('nosuch', 'public.t1', null, 'handler=y');
insert into t1 values (2, 'c');
select * from londiste.global_add_table('q', 'public.later');
select * from londiste.global_add_table('q', 'public.later');
select * from londiste.global_add_table('nosuch', 'public.later');
select * from londiste.local_remove_table('q', 'public.later');
select * from londiste.local_remove_table('q', 'public.nosuch');
select * from londiste.local_remove_table('nosuch', 'public.t1');
select * from londiste.global_remove_table('q', 'public.later');
select * from londiste.global_remove_table('q', 'public.later');
select * from londiste.global_remove_table('nosuch', 'public.later');
select * from londiste.local_remove_table('q', 'S x.T1');
select * from londiste.local_set_table_state('q', 'public.t1', '1:2:', 'catching-up');
select * from londiste.local_set_table_struct('q', 'public.t1', 'create index t1_v_idx on t1 (v)');
select * from londiste.local_remove_table('q', 'public.t1');
select count(*) from t1;
select indexname from pg_indexes where tablename = 't1' order by 1;
select londiste.root_notify_change('q', 'londiste.x', 'data');
select londiste.root_notify_change('nosuch', 'londiste.x', 'data');
select * from londiste.get_table_list('q');

\echo == stored
select * from londiste.table_info order by queue_name, table_name;
select * from londiste.seq_info order by queue_name, seq_name;
select queue_name, execute_file, execute_sql, execute_attrs from londiste.applied_execute order by 1, 2;
select * from londiste.pending_fkeys order by 1, 3;
select tgrelid::regclass, tgname, tgenabled, pg_get_triggerdef(oid) from pg_trigger where not tgisinternal and tgrelid <> 'londiste.table_info'::regclass order by 1, 2;
select ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4 from pgq.event_template order by ev_id, ev_type;

