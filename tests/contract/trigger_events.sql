-- Promise: the row triggers write, byte for byte, the events that the ancestor's C triggers write.
-- Runs in an empty UTF-8 database with schema pgq and lc_monetary C; the text of every event, in order of ids, is in
-- trigger_events.out:
--   select ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4 from pgq.event_template order by ev_id
-- (unaligned, separated by |). That file was written by the ancestor's extension pgq 3.5 on PostgreSQL 15.
set client_min_messages=error;
select pgq.create_queue('p');
create type mood as enum ('sad','so ok'); create domain posint as int; create type comp as (a int, b text);
create table t1(id int primary key, "Sel ect" text, c char(5), ts timestamp, tz timestamptz, d date, iv interval, n numeric, f8 float8, f4 float4, b bool, by bytea, ar text[], ai int[], j json, jb jsonb, u uuid, m mood, p posint, co comp, i8 bigint, i2 smallint, r int4range, x xml, ip inet, v tsvector, mny money, bx box, od oid);
create table t2(c int, a text, b text, z text, primary key (c, a));
alter table t2 drop column b; alter table t2 add column "a&b%" text;
create table t3(a text, b int, "select" text);
create table t4(id serial primary key, d text, _pgq_ev_type text, _pgq_ev_extra1 text);
create table t5(a text, k int primary key, zz text);
do $$ declare t text; f text; n int; begin
 foreach f in array array['logutriga','jsontriga','sqltriga'] loop
  foreach t in array array['t1','t2','t3','t4','t5'] loop
   execute format('create trigger %s_%s after insert or update or delete on %s for each row execute procedure pgq.%s(''p'')', f, t, t, f);
   execute format('create trigger %s_%s_t after truncate on %s for each statement execute procedure pgq.%s(''p'')', f, t, t, f);
  end loop;
  execute format($q$create trigger %s_o1 after insert or update or delete on t1 for each row execute procedure pgq.%s('p','backup','ignore=n, c','ev_extra4=i8::text||''x''','when=id<>6','ev_extra3=b')$q$, f, f);
  execute format($q$create trigger %s_o2 after insert or update or delete on t5 for each row execute procedure pgq.%s('p','pkey=a , k','backup')$q$, f, f);
  execute format($q$create trigger %s_o3 before insert or update or delete on t2 for each row execute procedure pgq.%s('p','ignore=z')$q$, f, f);
 end loop; end $$;
insert into t1 values (1, 'a b,c"d\e''f', 'ab', '2020-02-03 04:05:06.789', '2020-02-03 04:05:06.789+02', '0044-03-15 BC', '1 year 2 days 3:04', 12345678901234567890.1234567890, 'NaN', 1.5e-10, true, '\x00ff41', '{a,"b c",NULL,""}', '{1,2}', '{"a": [1, "x\"y"]}', '{"b":  2}', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'so ok', 5, row(1,'x,"y'), 9007199254740993, -3, '[1,5)', '<a b="c">d</a>', '10.0.0.1/8', 'a:1 b:2', 12.34, '((1,2),(3,4))', 42);
insert into t1(id, "Sel ect", tz, ts, d) values (2, '', 'infinity', '-infinity', 'infinity'), (3, '"', null,null,null), (4, '""","",",', null,null,null),(5, E'\\\\\n\t\r ()/?~*!@#$%^&=+;:<>|{}[]`', null,null,null),(6,'öäü€😀 %2c',null,null,null),(7,',',null,null,null),(8,repeat('abc,"é-',50)||'ßøåæµ¶§±½¾¿áâãçèéêëìíîï',null,'0001-01-01 BC',null);
set timezone='Asia/Kathmandu'; update t1 set i8 = 5, b = false where id in (1,2,3); update t1 set n = 1 where id = 1; update t1 set n=2,c='x' where id=1; update t1 set n = 2 where id=1; update t1 set id=id; reset timezone;
update t1 set "Sel ect"=null where id=5;
insert into t2 values (1,'x','z',null),(2,'a,"b','z&',''); update t2 set z='q'; update t2 set "a&b%"='w'; update t2 set z='q'; delete from t2;
insert into t3 values ('a',1,null),(null,null,null);
insert into t4(d,_pgq_ev_type,_pgq_ev_extra1) values ('x','T','E'),('y',null,null); update t4 set d='z'; delete from t4;
insert into t5 values (E'quo"t\\ed', 1, 'x'),('plain',2,null); update t5 set zz='y'; update t5 set zz=zz; delete from t5 where k=1;
insert into t3 select 'x'; 
truncate t3; truncate t5; delete from t1;
