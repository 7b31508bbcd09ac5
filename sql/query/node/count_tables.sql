-- How many tables of the queue are in sync here, how many are on the way, and how many are not attached.
-- $1 text      queue name
-- Returns one row: ok int8, half int8, ignored int8.
select count(*) filter (where t.local and t.merge_state is not distinct from 'ok') as ok,
       count(*) filter (where t.local and t.merge_state is distinct from 'ok') as half,
       count(*) filter (where not t.local) as ignored
  from londiste.get_table_list($1::text) t
