-- Promise: generated triggers write, byte for byte and in the same order, the events that pgq.logutriga writes.
-- Queue p gets those of that one, queue q those of the statement triggers, queue r those of the generated row trigger;
-- prints how many p has and what differs. Needs an empty UTF-8 database with our schemas.
set client_min_messages=warning; set datestyle=iso; set timezone=utc;
select pgq.create_queue('p'), pgq.create_queue('q'), pgq.create_queue('r') \g /dev/null
create type mood as enum ('sad','so ok'); create domain posint as int; create domain dtext as text; create type comp as (a int, b text);
create collation nd (provider=icu, locale='und', deterministic=false);
create table t1(id int primary key, "Sel ect" text, c char(5), ts timestamp, tz timestamptz, d date, iv interval, n numeric, f8 float8, f4 float4, b bool, by bytea, ar text[], ai int[], j json, jb jsonb, u uuid, m mood, p posint, dt dtext, co comp, i8 bigint, i2 smallint, r int4range, x xml, ip inet, v tsvector, mny money, bx box, od oid, nd text collate nd, ti time, tt timetz, na name, ch "char", rec comp[], bt bit(3), gen int generated always as (id + 1) stored, vc varchar(10));
create table t2(c int, a text, b text, z text, n int, r int, k int, o int, primary key (c, a));
alter table t2 drop column b; alter table t2 add column "a&b%" text;
create table t5(a text, k numeric primary key, zz text);
create table "T '6"("K ey" text primary key, "v,x" text);
create function rowtrig(r regclass) returns void language plpgsql as $$ begin execute format('create trigger rowp after insert or update or delete on %s for each row execute function pgq.logutriga(''p'')', r); perform londiste_rs.capture_create('q', r, '{INSERT,UPDATE,DELETE}', null); perform londiste_rs.capture_create('r', r, '{INSERT,UPDATE,DELETE}', null, 'row'); end $$;
select rowtrig('t1'), rowtrig('t2'), rowtrig('t5'), rowtrig('"T ''6"') \g /dev/null
insert into t1 values (1, 'a b,c"d\e''f', 'ab', '2020-02-03 04:05:06.789', '2020-02-03 04:05:06.789+02', '0044-03-15 BC', '1 year 2 days -3:04', 12345678901234567890.1234567890, 'NaN', 1.5e-10, true, '\x00ff41', '{a,"b c",NULL,""}', '{1,2}', '{"a": [1, "x\"y"]}', '{"b":  2}', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'so ok', 5, 'd t&', row(1,'x,"y'), 9007199254740993, -3, '[1,5)', '<a b="c">d</a>', '10.0.0.1/8', 'a:1 b:2', 12.34, '((1,2),(3,4))', 42, 'Ünd', '04:05:06', '04:05:06+02', 'na me', 'x', array[row(1,'a')::comp, null], B'101', default, 'v c');
insert into t1(id, co, by, iv, n, f8) values (20, row(null,null), '', '-1 mon', 'Infinity', '-Infinity'),(21,null,null,'0','-0.00','1e300');
insert into t1(id, "Sel ect", tz, ts, d) values (2, '', 'infinity', '-infinity', 'infinity'), (3, '"', null,null,null), (4, '""","",",', null,null,null),(5, E'\\\\\n\t\r ()/?~*!@#$%^&=+;:<>|{}[]`', null,null,null),(6,'öäü€😀 %2c',null,null,null),(7,',',null,null,null),(8,repeat('abc,"é-',50)||'ßøåæµ¶§±½¾¿áâãçèéêëìíîï',null,'0001-01-01 BC',null);
set timezone='Asia/Kathmandu'; update t1 set i8 = 5, b = false where id in (1,2,3);
set datestyle='german'; set intervalstyle='iso_8601'; set bytea_output='escape'; set extra_float_digits=0; update t1 set f4=f4; delete from t1 where id = 1; reset all;
begin isolation level repeatable read; update t1 set id=id; commit;
update t1 set "Sel ect"=null where id=5; update t1 set c = 'a ' where id = 7;
insert into t2 values (1,'x','z',null),(2,'a,"b','z&','1'); update t2 set z='q'; update t2 set "a&b%"='w'; update t2 set z='q'; delete from t2;
insert into t5 values (E'quo"t\\ed', 1.0, 'x'),('plain',2.00,null); update t5 set zz='y'; update t5 set zz=zz; update t5 set k = 1.00 where k = 1; delete from t5 where k=1;
insert into "T '6" values ('a,b','c'),('d:"',null); update "T '6" set "v,x" = 'n'; delete from "T '6";
copy t5 from stdin;
cp1	10	x
cp2	11	\N
\.
with a as (update t5 set zz='w' where k = 10) update t5 set zz = 'w2' where k = 11;
insert into t5 values ('up',10,'z'),('up',12,'z') on conflict (k) do update set zz = 'conflict';
select count(*) from pgq.event_1;
create view events as
    select 'p' as queue, row_number() over (order by ev_id) as nr, ev_type, ev_data, ev_extra1, ev_extra2 from pgq.event_1
    union all select 'q', row_number() over (order by ev_id), ev_type, ev_data, ev_extra1, ev_extra2 from pgq.event_2
    union all select 'r', row_number() over (order by ev_id), ev_type, ev_data, ev_extra1, ev_extra2 from pgq.event_3;
select e.nr, e.queue, e.ev_type, e.ev_data, e.ev_extra1, e.ev_extra2
  from (select nr from events group by nr, ev_type, ev_data, ev_extra1, ev_extra2 having count(*) <> 3) d
  join events e using (nr) group by e.nr, e.queue, e.ev_type, e.ev_data, e.ev_extra1, e.ev_extra2 order by 1, 2;
