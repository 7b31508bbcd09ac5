-- Foreign keys: found, dropped, put back when both sides are in sync.
\set QUIET on
\set VERBOSITY terse
\pset format unaligned
\pset null NULL
\pset footer off
create table p (id int4 primary key);
create table c (id int4 primary key, p int4 constraint c_p_fk references p on delete cascade deferrable);
create table d (id int4 primary key, c int4, constraint "D fk" foreign key (c) references c);
create schema "S x";
create table "S x"."T1" (id int4 primary key references p);
create table selfr (id int4 primary key, up int4 references selfr);
set search_path = pg_catalog;
select ret_code from pgq_node.register_location('q', 'n1', 'dbname=n1', false);
select ret_code from pgq_node.register_location('q', 'n2', 'dbname=n2', false);
select ret_code from pgq_node.create_node('q', 'leaf', 'n2', 'n2_worker', 'n1', 1, null);
select * from londiste.find_table_fkeys('public.p') order by 1, 3;
select * from londiste.find_table_fkeys('public.c') order by 1, 3;
select * from londiste.find_table_fkeys('c') order by 1, 3;
select * from londiste.find_table_fkeys('S x.T1') order by 1, 3;
select * from londiste.find_table_fkeys('public.selfr') order by 1, 3;
select * from londiste.find_table_fkeys('public.nosuch') order by 1, 3;
select ret_code from londiste.global_add_table('q', 'public.p');
select ret_code from londiste.global_add_table('q', 'public.c');
select ret_code from londiste.global_add_table('q', 'public.d');
select ret_code from londiste.global_add_table('q', 'S x.T1');
select ret_code from londiste.local_add_table('q', 'public.p');
select ret_code from londiste.local_add_table('q', 'public.c');
select ret_code from londiste.local_add_table('q', 'public.d');
select ret_code from londiste.local_add_table('q', 'S x.T1');
select londiste.drop_table_fkey('public.c', 'c_p_fk');
select londiste.drop_table_fkey('public.c', 'c_p_fk');
select londiste.drop_table_fkey('public.c', 'nosuch');
select londiste.drop_table_fkey('public.d', 'D fk');
select londiste.drop_table_fkey('S x.T1', 'T1_id_fkey');
select londiste.drop_table_fkey('public.selfr', 'selfr_up_fkey');
select * from londiste.pending_fkeys order by 1, 3;
select * from londiste.get_table_pending_fkeys('public.p') order by 1, 3;
select * from londiste.get_table_pending_fkeys('public.c') order by 1, 3;
select * from londiste.get_valid_pending_fkeys('q') order by 1, 3;
select ret_code from londiste.local_set_table_state('q', 'public.p', null, 'ok');
select * from londiste.get_valid_pending_fkeys('q') order by 1, 3;
select ret_code from londiste.local_set_table_state('q', 'public.c', '1:2:', 'ok');
select * from londiste.get_valid_pending_fkeys('q') order by 1, 3;
select ret_code from londiste.local_set_table_state('q', 'public.c', null, 'ok');
select * from londiste.get_valid_pending_fkeys('q') order by 1, 3;
select ret_code from londiste.local_set_table_state('q', 'public.d', null, 'ok');
select ret_code from londiste.local_set_table_state('q', 'S x.T1', null, 'ok');
select * from londiste.get_valid_pending_fkeys('q') order by 1, 3;
select * from londiste.get_valid_pending_fkeys('nosuch') order by 1, 3;
select londiste.restore_table_fkey('public.c', 'c_p_fk');
select londiste.restore_table_fkey('public.c', 'c_p_fk');
select londiste.restore_table_fkey('public.d', 'D fk', true) as cmd \gset
\echo :cmd
:cmd;
select londiste.restore_table_fkey('public.d', 'D fk', true) as cmd \gset
\echo :cmd
:cmd;
select londiste.restore_table_fkey('public.d', 'D fk', true);
select londiste.restore_table_fkey('public.d', 'D fk', true);
select londiste.restore_table_fkey('S x.T1', 'T1_id_fkey', false);
select * from londiste.pending_fkeys order by 1, 3;
select conrelid::regclass, conname, convalidated, pg_get_constraintdef(oid) from pg_constraint where contype = 'f' and connamespace::regnamespace::text in ('public', 'S x') order by 1, 2;

\echo == stored
select * from londiste.table_info order by queue_name, table_name;
select * from londiste.seq_info order by queue_name, seq_name;
select queue_name, execute_file, execute_sql, execute_attrs from londiste.applied_execute order by 1, 2;
select * from londiste.pending_fkeys order by 1, 3;
select tgrelid::regclass, tgname, tgenabled, pg_get_triggerdef(oid) from pg_trigger where not tgisinternal and tgrelid <> 'londiste.table_info'::regclass order by 1, 2;
select ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4 from pgq.event_template order by ev_id, ev_type;

