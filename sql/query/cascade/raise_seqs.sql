-- Lifts the sequences of this node that lie below the values of another node.
-- $1 text      queue name
-- $2 text[]    sequence names
-- $3 int8[]    values
-- Returns one row per sequence that was lifted: seq_name text, ret_code int4, ret_note text.
select u.seq_name, r.ret_code, r.ret_note
  from (select s.seq_name, v.seq_value,
               case when londiste.find_seq_oid(s.seq_name) is not null then pgq.seq_getval(s.seq_name) end as here
          from unnest($2::text[], $3::int8[]) v (seq_name, seq_value)
          join londiste.get_seq_list($1::text) s on s.seq_name = v.seq_name and s.local
        offset 0) u
 cross join lateral londiste.global_update_seq($1::text, u.seq_name, u.seq_value) r
 where u.here < u.seq_value
