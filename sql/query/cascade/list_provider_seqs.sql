-- Sequences that a node knows of, with the value last published.
-- $1 text      queue name
-- Returns one row per sequence: seq_name text, last_value int8.
select s.seq_name, s.last_value
  from londiste.get_seq_list($1::text) s
