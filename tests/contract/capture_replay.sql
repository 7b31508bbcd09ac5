-- Promise: replaying the events of a table by key onto a copy, with plain SQL and in order of ids, makes the copy equal
-- to the table. replay() does that, verify() fails when the copy differs; statements go between two calls.
set client_min_messages=error;
create function undo_url(x text) returns text language sql as $$
  select convert_from(string_agg(case when m[1] ~ '^%' then decode(substr(m[1],2),'hex') when m[1]='+' then ' '::bytea else convert_to(m[1],'utf8') end, ''::bytea),'utf8')
  from regexp_matches(x, '%[0-9a-f]{2}|.', 'g') m $$;
create table replay_pos(id int8); insert into replay_pos values (0);
create function replay(i_copy text) returns void language plpgsql as $$
declare e record; v_set text; v_where text; v_cols text; v_vals text; begin
 for e in select * from pgq.event_template where ev_id > (select id from replay_pos) order by ev_id loop
  if e.ev_type = 'R' then execute 'truncate '||i_copy; continue; end if;
  select string_agg(quote_ident(k)||'='||coalesce(quote_literal(v),'null'), ','), string_agg(quote_ident(k)||'='||quote_literal(v),' and ') filter (where k = any(string_to_array(substr(e.ev_type,3),','))),
   string_agg(quote_ident(k),','), string_agg(coalesce(quote_literal(v),'null'),',') into v_set, v_where, v_cols, v_vals
   from (select undo_url(split_part(p,'=',1)) k, case when p like '%=%' then coalesce(undo_url(substr(p,strpos(p,'=')+1)),'') end v from regexp_split_to_table(e.ev_data,'&') p) s;
  begin
  if e.ev_type like 'I%' then execute format('insert into %s(%s) values (%s)', i_copy, v_cols, v_vals);
  elsif e.ev_type like 'U%' then execute format('update %s set %s where %s', i_copy, v_set, v_where);
  else execute format('delete from %s where %s', i_copy, v_where); end if;
  exception when others then raise exception 'replay of % % : %', e.ev_type, e.ev_data, sqlerrm; end;
 end loop;
 update replay_pos set id = coalesce((select max(ev_id) from pgq.event_template),0);
end $$;
create function verify(i_what text) returns void language plpgsql as $$
declare n int; l text; begin
 begin
 perform replay('t_copy');
 exception when others then
   select string_agg(ev_type||' '||ev_data, E'\n' order by ev_id) into l from pgq.event_template where ev_id > (select id from replay_pos);
   raise exception 'BROKEN %: %\n%', i_what, sqlerrm, l; end;
 select count(*) into n from ((table t except all table t_copy) union all (table t_copy except all table t)) d;
 if n > 0 then
  raise exception 'DIFFERENT % (% rows)', i_what, n; end if;
end $$;
select pgq.create_queue('q');
