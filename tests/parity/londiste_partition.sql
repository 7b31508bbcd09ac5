-- Partition helpers.
\set QUIET on
\set VERBOSITY terse
\pset format unaligned
\pset null NULL
\pset footer off
create role parity_reader;
create table ev (id serial primary key, at timestamptz not null default now(), d date, v text check (v <> ''));
create index ev_v_idx on ev (v);
grant select on ev to parity_reader;
grant select, insert on ev to public;
create function noop() returns trigger language plpgsql as 'begin return null; end';
create trigger ev_trg after insert on ev for each row execute procedure noop();
create trigger ev_trg2 after insert on ev for each row execute procedure noop();
alter table ev disable trigger ev_trg2;
create rule ev_rule as on delete to ev do instead nothing;
select londiste.create_partition('ev', 'ev_2024_02', 'id', 'at', '2024-02-10 12:34:56+00', 'month');
select londiste.create_partition('ev', 'ev_2024_02', 'id', 'at', '2024-02-10 12:34:56+00', 'month');
select londiste.create_partition('public.ev', 'public.ev_2024', 'id', 'd', '2024-02-10 12:34:56+00', 'year');
select londiste.create_partition('public.ev', 'public.ev_2024_02_10', 'id', 'at', '2024-02-10 12:34:56+00', 'day');
select londiste.create_partition('public.ev', 'public.ev_2024_02_10_12', 'id', 'at', '2024-02-10 12:34:56+00', 'hour');
select londiste.create_partition('public.ev', 'public.ev_plain', 'id', '', '2024-02-10 12:34:56+00', 'hour');
select londiste.create_partition('public.ev', 'public.ev_plain2', 'id', null, null, null);
select londiste.create_partition('public.ev', 'public.ev_bad', 'id', 'at', '2024-02-10 12:34:56+00', 'minute');
select londiste.create_partition('public.nosuch', 'public.ev_bad', 'id', 'at', '2024-02-10 12:34:56+00', 'day');
select c.conrelid::regclass, c.conname, pg_get_constraintdef(c.oid) from pg_constraint c where connamespace = 'public'::regnamespace and contype = 'c' order by 1, 2;
select relname, relacl::text like '%parity_reader=r%', relacl::text like '%=ar/%' from pg_class where relname ~ '^ev_' and relkind = 'r' order by 1;
select tgrelid::regclass, tgname, tgenabled from pg_trigger where not tgisinternal and tgname like 'ev%' order by 1, 2;
select tablename, rulename from pg_rules where schemaname = 'public' order by 1, 2;
select tablename, count(*) from pg_indexes where schemaname = 'public' group by 1 order by 1;
select inhrelid::regclass from pg_inherits where inhparent = 'ev'::regclass order by 1;
select londiste.is_obsolete_partition('public.ev_2024_02', '1 month', 'month'), londiste.is_obsolete_partition('ev_2024_02', '1000 years', 'month'), londiste.is_obsolete_partition('ev_2024_02', '1 month', 'day'), londiste.is_obsolete_partition('ev_2024', '1 month', 'year'), londiste.is_obsolete_partition('ev_2024_02_10', '1 month', 'daily'), londiste.is_obsolete_partition('ev_2024_02_10_12', '1 month', 'hourly'), londiste.is_obsolete_partition('ev_x', '1 month', 'day');
select londiste.is_obsolete_partition('ev_2024_02', '1 month', 'minute');
select * from londiste.list_obsolete_partitions('public.ev', '1 month', 'month') order by 1;
select * from londiste.list_obsolete_partitions('ev', '1 month', 'day') order by 1;
select * from londiste.list_obsolete_partitions('ev', '1 month', 'hour') order by 1;
select * from londiste.list_obsolete_partitions('ev', '1 month', 'year') order by 1;
select * from londiste.list_obsolete_partitions('ev', '1000 years', 'month') order by 1;
select * from londiste.list_obsolete_partitions('nosuch', '1 month', 'month') order by 1;
select * from londiste.list_obsolete_partitions('ev', '1 month', 'minute') order by 1;
select * from londiste.drop_obsolete_partitions('ev', '1 month', 'month') order by 1;
select * from londiste.drop_obsolete_partitions('ev', '1 month', 'month') order by 1;
select inhrelid::regclass from pg_inherits where inhparent = 'ev'::regclass order by 1;
create schema "S x";
create table "S x"."Ev" (id int4 primary key, "At" timestamp);
select londiste.create_partition('S x.Ev', 'S x.Ev_2024_02', 'id', 'At', '2024-02-10 12:34:56+00', 'month');
select c.conrelid::regclass, c.conname, pg_get_constraintdef(c.oid) from pg_constraint c where connamespace = '"S x"'::regnamespace and contype = 'c' order by 1, 2;
select * from londiste.drop_obsolete_partitions('S x.Ev', '1 month', 'month') order by 1;
drop owned by parity_reader;
drop role parity_reader;
