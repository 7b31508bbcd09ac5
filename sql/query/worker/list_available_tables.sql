-- Tables of a provider whose rows may be copied: attached there and ok.
-- $1 text      queue name
-- Returns rows: table_name text.
select t.table_name
  from londiste.get_table_list($1::text) t
 where t.local and t.merge_state = 'ok'
