-- Scripts: execute_start and execute_finish on a root and on a leaf.
\set QUIET on
\set VERBOSITY terse
\pset format unaligned
\pset null NULL
\pset footer off
select ret_code from pgq_node.register_location('q', 'n1', 'dbname=n1', false);
select ret_code from pgq_node.create_node('q', 'root', 'n1', 'n1_worker', null, null, null);
select ret_code from pgq_node.register_location('l', 'n1', 'dbname=n1', false);
select ret_code from pgq_node.register_location('l', 'n2', 'dbname=n2', false);
select ret_code from pgq_node.create_node('l', 'leaf', 'n2', 'n2_worker', 'n1', 1, null);
select * from londiste.execute_start('q', 'f1.sql', 'select 1', true);
select * from londiste.execute_start('q', 'f1.sql', 'select 1', true);
select * from londiste.execute_finish('q', 'f1.sql');
select * from londiste.execute_start('q', 'f2.sql', 'select 2', true, 'local-table=a%2cb');
select * from londiste.execute_start('q', 'f2.sql', 'select 2', true, 'local-table=a%2cb');
select * from londiste.execute_finish('q', 'f2.sql');
select * from londiste.execute_finish('q', 'f9.sql');
select * from londiste.execute_finish('nosuch', 'f1.sql');
select * from londiste.execute_start('nosuch', 'f3.sql', 'select 2', true);
select * from londiste.execute_start('nosuch', 'f3.sql', 'select 2', false);
select * from londiste.execute_start('l', 'f4.sql', 'select 4', true);
select * from londiste.execute_start('l', 'f4.sql', 'select 4', false, '');
select * from londiste.execute_finish('l', 'f4.sql');
select * from londiste.execute_start('l', 'f1.sql', 'select 1', false);
select * from londiste.execute_finish('l', 'f1.sql');
select * from londiste.execute_start('q', 'f5.sql', 'select 5', false, '');
select * from londiste.execute_finish('q', 'f5.sql');

\echo == stored
select * from londiste.table_info order by queue_name, table_name;
select * from londiste.seq_info order by queue_name, seq_name;
select queue_name, execute_file, execute_sql, execute_attrs from londiste.applied_execute order by 1, 2;
select * from londiste.pending_fkeys order by 1, 3;
select tgrelid::regclass, tgname, tgenabled, pg_get_triggerdef(oid) from pg_trigger where not tgisinternal and tgrelid <> 'londiste.table_info'::regclass order by 1, 2;
select ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4 from pgq.event_template order by ev_id, ev_type;

