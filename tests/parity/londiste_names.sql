-- Names and catalogue look-ups.
\set QUIET on
\set VERBOSITY terse
\pset format unaligned
\pset null NULL
\pset footer off
select londiste.make_fqname('t'), londiste.make_fqname('s.t'), londiste.make_fqname('s.t.u'), londiste.make_fqname(''), londiste.make_fqname(null);
select * from londiste.split_fqname('t');
select * from londiste.split_fqname('s.t');
select * from londiste.split_fqname('s.t.u');
select * from londiste.split_fqname('');
select * from londiste.split_fqname(null);
select londiste.quote_fqname('t'), londiste.quote_fqname('S.T'), londiste.quote_fqname('a.b.c'), londiste.quote_fqname('x y.se"t'), londiste.quote_fqname('select');
create schema s;
create schema "S x";
create table t (b text, a int4, c int4 default 1, primary key (a, b));
create table s.t2 (id serial primary key, t text);
create table "S x"."T.y" ("K" int4 primary key, v text);
create view s.v as select 1 as x;
create table nokey (a int4, b text);
create table s.dropped (a int4 primary key, b text, c text);
alter table s.dropped drop column b;
select londiste.find_table_oid('t') = 'public.t'::regclass, londiste.find_table_oid('public.t') = 't'::regclass, londiste.find_table_oid('s.t2') = 's.t2'::regclass, londiste.find_table_oid('s.v'), londiste.find_table_oid('nosuch'), londiste.find_table_oid(null);
select londiste.find_table_oid('S x.T.y') = '"S x"."T.y"'::regclass;
select londiste.find_seq_oid('s.t2_id_seq') = 's.t2_id_seq'::regclass, londiste.find_seq_oid('t2_id_seq'), londiste.find_seq_oid('s.t2');
select londiste.find_rel_oid('s.v', 'v') = 's.v'::regclass, londiste.find_rel_oid('t', 'r') = 't'::regclass, londiste.find_rel_oid('t', 'S'), londiste.find_rel_oid('t', null);
select londiste.find_column_types('t'), londiste.find_column_types('s.t2'), londiste.find_column_types('S x.T.y'), londiste.find_column_types('nokey'), londiste.find_column_types('s.dropped'), londiste.find_column_types('nosuch');
select proname, londiste.is_replica_func(p.oid) from pg_proc p where pronamespace = 'pgq'::regnamespace and prorettype = 'trigger'::regtype order by 1;
select londiste.is_replica_func('pg_catalog.now()'::regprocedure), londiste.is_replica_func(0), londiste.is_replica_func(null);
select londiste.upgrade_schema(), londiste.periodic_maintenance(), londiste.version();
begin;
select londiste.set_session_replication_role('replica', true);
show session_replication_role;
commit;
show session_replication_role;
select londiste.set_session_replication_role('local', false);
show session_replication_role;
select londiste.set_session_replication_role('origin', false);
show session_replication_role;
select londiste.set_session_replication_role('nonsense', false);
