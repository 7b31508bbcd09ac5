-- Tables that a node knows of.
-- $1 text      queue name
-- Returns one row per table, in order of registration: table_name text.
select t.table_name
  from londiste.get_table_list($1::text) t
