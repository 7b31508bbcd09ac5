-- Where londiste leaves the ancestor on purpose: tables without a key, partitions, triggers, what is missing.
\set QUIET on
\set VERBOSITY terse
\pset format unaligned
\pset null NULL
\pset footer off
select ret_code from pgq_node.register_location('q', 'n1', 'dbname=n1', false);
select ret_code from pgq_node.create_node('q', 'root', 'n1', 'n1_worker', null, null, null);
create table log (at int4, v text);
create table keyed (a int4, b int4, v text);
create table parted (id int4 primary key) partition by range (id);
create table parted_1 partition of parted for values from (1) to (10);
create table early (id int4 primary key);
create table t (id int4 primary key);
create sequence s;
\echo == no primary key
select * from londiste.local_add_table('q', 'public.log');
select * from londiste.local_add_table('q', 'public.log', array['tgflags=IU']);
select * from londiste.local_add_table('q', 'public.log', array['tgflags=Q']);
select * from londiste.local_add_table('q', 'public.log', array['tgflags=I']);
select * from londiste.local_add_table('q', 'public.keyed', array['pkey=a,x']);
select * from londiste.local_add_table('q', 'public.keyed', array['pkey=']);
select * from londiste.local_add_table('q', 'public.keyed', array['pkey=a,b']);
insert into log values (1, 'x');
insert into keyed values (1, 2, 'x');
update keyed set v = 'y';
delete from keyed;
select ev_type, ev_data, ev_extra1 from pgq.event_template where ev_type !~ '^londiste' order by ev_id;
\echo == partitioned, and what is missing
select * from londiste.local_add_table('q', 'public.parted');
select * from londiste.local_add_seq('q', 'public.s');
select * from londiste.local_show_missing('q');
\echo == trigger names, a trigger that did not change, one that fires earlier
select * from londiste.create_trigger('q', 'public.t', null, 'public.t', 'root');
select oid as before from pg_trigger where tgrelid = 't'::regclass and tgname = '_londiste_q' \gset
select * from londiste.create_trigger('q', 'public.t', null, 'public.t', 'root');
select oid = :before as kept from pg_trigger where tgrelid = 't'::regclass and tgname = '_londiste_q';
select * from londiste.create_trigger('q', 'public.t', array['tgflags=BS'], 'public.t', 'root');
select * from londiste.create_trigger('q', 'public.t', array['tgflags=BS'], 'public.t', 'root');
select tgname from pg_trigger where tgrelid = 't'::regclass order by 1;
select * from londiste.create_trigger('q', 'public.t', array['ignore=x'], 'public.t', 'leaf');
select tgname, pg_get_triggerdef(oid) from pg_trigger where tgrelid = 't'::regclass order by 1;
create function noop() returns trigger language plpgsql as 'begin return null; end';
create trigger "A_user" after insert on early for each row execute procedure noop();
select * from londiste.local_add_table('q', 'public.early');
\echo == periods by their adverb
create table ev (id int4 primary key, at timestamp);
select londiste.create_partition('public.ev', 'public.ev_2024_02', 'id', 'at', '2024-02-10 12:34:56+00', 'monthly');
