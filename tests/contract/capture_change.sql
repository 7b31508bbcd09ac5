-- Promise: capture by generated triggers survives what happens to its table and queue afterwards: columns, keys and names that
-- change, children, closed and limited queues, rotation, and lets ordinary writers write and do nothing else.
-- Runs after capture_replay.sql, with <way> replaced by the way of capture.
create function refuse(i_sql text, i_text text) returns void language plpgsql as $$ begin
 begin execute i_sql; exception when others then
  if pg_catalog.strpos(sqlerrm, i_text) operator(pg_catalog.=) 0 then raise exception 'another error: %', sqlerrm; end if; return; end;
 raise exception 'not refused: %', i_sql; end $$;
create table t(k int primary key, v text, n int, p int); create table t_copy(k int primary key, v text, n int, p int);
select londiste_rs.capture_create('q','t'::regclass,'{INSERT,UPDATE,DELETE}',null,'<way>') \g /dev/null
insert into t values (1,'a',1,1),(2,'b',2,2); update t set n=5; select verify('start');
alter table t add column extra text default 'dflt'; alter table t_copy add column extra text;  update t_copy set extra='dflt';
update t set extra = 'kept' where k = 1; insert into t values (3,'c',3,3,'kept too'); select verify('added');
select state from londiste_rs.capture_state('q','public.t');
select capture from londiste_rs.capture_refresh('q','public.t'); update t set extra='again', v='a' ; select verify('refreshed'); select state from londiste_rs.capture_state('q','public.t');
alter table t rename column v to w; alter table t_copy rename column v to w; update t set w = 'renamed'; insert into t(k,w) values (10,'x'); delete from t where k = 2; select verify('renamed');
alter table t drop column n; alter table t_copy drop column n; update t set w = 'dropped'; select verify('dropped');
alter table t rename column k to kk; alter table t_copy rename column k to kk; update t set w='key renamed'; update t set kk = kk+100 where kk < 5; delete from t where kk=10; select verify('key renamed');
alter table t alter column p type text; alter table t_copy alter column p type text; update t set p = 'a&b'; select verify('type');
alter table t drop constraint t_pkey, add primary key (kk, w); update t set w = w||kk; 
select verify('key');
alter table t rename to t9; insert into t9 values (50,'n','p','e'); select distinct ev_extra1 from pgq.event_template where ev_id > (select id from replay_pos); alter table t9 rename to t; select verify('rename');
create schema o; alter table t set schema o; insert into o.t values (51,'n','p','e'); select distinct ev_extra1 from pgq.event_template where ev_id > (select id from replay_pos);  alter schema o rename to oo; insert into oo.t values (52,'n','p','e'); select distinct ev_extra1 from pgq.event_template where ev_id > (select id from replay_pos); alter table oo.t set schema public;
select verify('schema');
select capture from londiste_rs.capture_refresh('q','public.t');
create table child() inherits (t); insert into child values (60,'c','p','e'),(61,'c','p','e'); update t set extra='both'; delete from t where kk=61; select count(*) from child; drop table child; select verify('child');
create table par(like t); select refuse('alter table t inherit par', 'prevents table "t" from becoming');
create table pt(like t) partition by range(kk); select refuse('alter table pt attach partition t default', 'prevents table "t" from becoming');
-- closed, limit
update pgq.queue set queue_disable_insert = true;
select refuse('update t set extra = ''no''', 'Insert into queue disallowed'); update t set extra='nobody' where false;
set session_replication_role = local; update t set extra='silent' where kk=50; set session_replication_role=origin; update t_copy set extra='silent' where kk=50;
update pgq.queue set queue_disable_insert = false, queue_per_tx_limit = 3;
begin; update t set extra='1' where kk = 50; update t set extra='1' where kk = 51; select pgq.insert_event('q','x','y') \g /dev/null
select refuse('update t set extra=''1'' where kk = 52', 'allows max 3 events'); rollback;
select refuse('update t set extra = ''toomany''', 'allows max 3 events');
update pgq.queue set queue_per_tx_limit = null;
-- rotation
select queue_cur_table from pgq.queue; update pgq.queue set queue_rotation_period='0', queue_switch_time = now() - interval '1 hour';
update t set extra = 'before'; select pgq.maint_rotate_tables_step1('q') \g /dev/null
select pgq.maint_rotate_tables_step2() \g /dev/null
update t set extra='after'; select queue_cur_table from pgq.queue; select tableoid::regclass, count(*) from pgq.event_1 group by 1 order by 1; 
select verify('rotation');
-- an ordinary writer, with all names that the code could use taken
create role capture_writer; grant all on t to capture_writer;
create schema attack authorization capture_writer;
set role capture_writer; create temp table new_rows(id int); create temp table pg_class(x int);
create function attack.concat(text, text) returns text language plpgsql as $$ begin raise exception 'attack %', current_user; end $$;
create function attack.now() returns timestamptz language plpgsql as $$ begin raise exception 'attack %', current_user; end $$;
create function attack.current_setting(text) returns text language plpgsql as $$ begin raise exception 'attack %', current_user; end $$;
create function attack.eq(text, text) returns bool language plpgsql as $$ begin raise exception 'attack %', current_user; end $$;
create operator attack.= (leftarg = text, rightarg = text, function = attack.eq);
create operator attack.|| (leftarg = text, rightarg = text, function = attack.concat);
set search_path = attack, pg_temp, public, pg_catalog;
insert into public.t values (70,'w','p','e'); update public.t set extra='w' where kk operator(pg_catalog.=) 70; update public.t set kk = 71 where kk operator(pg_catalog.=) 70;
with d as (delete from public.t where kk operator(pg_catalog.=) 71 returning *) insert into public.t select kk,w,p,'x' from d;
select public.refuse(pg_catalog.format('create table attack.mine(k int primary key); create trigger x after insert on attack.mine referencing new table as new_rows for each statement execute function londiste_rs.%I(''q'')', p.proname), 'permission denied')
  from pg_catalog.pg_proc p where p.proname ~ '^capture_t_.*_i$';
select public.refuse('select pgq.insert_event(''q'',''a'',''b'')', 'permission denied');
reset role; reset search_path;
select verify('writer');
-- row security hides rows from the writer, not from the owner of the triggers
alter table t enable row level security; create policy own on t to capture_writer using (kk >= 70) with check (kk >= 70);
set role capture_writer; update t set extra='seen'; insert into t values (80,'w','p','e'); select refuse('insert into t values (5,''w'',''p'',''e'')', 'row-level security');
with d as (delete from t where kk = 80 returning *) insert into t select kk+1,w,p,'x' from d; with d as (delete from t where kk > 80 returning *) insert into t select kk,w,p,'y' from d;
reset role; select verify('row security'); alter table t disable row level security; drop policy own on t;
select capture, state from londiste_rs.capture_state('q','public.t');
select londiste_rs.capture_drop('q','t'::regclass);
select count(*) from pg_proc where pronamespace='londiste_rs'::regnamespace and proname like 'capture\_t\_%';
drop owned by capture_writer; drop role capture_writer;
