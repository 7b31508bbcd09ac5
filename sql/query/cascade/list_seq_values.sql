-- The sequences that take part on this node, with their values.
-- $1 text      queue name
-- Returns one row per sequence: seq_name text, seq_value int8.
select s.seq_name,
       case when londiste.find_seq_oid(s.seq_name) is not null then pgq.seq_getval(s.seq_name) end as seq_value
  from londiste.get_seq_list($1::text) s
 where s.local
