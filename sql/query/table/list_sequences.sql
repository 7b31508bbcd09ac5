-- The sequences of a queue as a node knows them, in their order.
-- $1 text      queue name
-- Returns rows: seq_name, last_value int8 (last published), local.
select s.seq_name, s.last_value, s.local
  from londiste.get_seq_list($1::text) s
