-- Moves an attached table from one state to another, if it still is in the first one: an administrator may have
-- resynced, removed or added it meanwhile.
-- $1 text      queue name
-- $2 text      global table name
-- $3 text      state that it has to be in (null = to be copied)
-- $4 text      new state (null = to be copied)
-- $5 text      snapshot to keep with it, or null
-- Returns one row: moved bool. Locks the table's row of the registry FOR UPDATE first, so that the look and the change
-- are one.
select count(*) > 0 as moved
  from (select t.table_name
          from londiste.table_info t
         where t.queue_name = $1::text and t.table_name = $2::text and t.local
           and (case when t.merge_state = '?' then 'ok' else t.merge_state end) is not distinct from $3::text
           for update) held
 cross join lateral londiste.local_set_table_state($1::text, held.table_name, $5::text, $4::text) s
 where s.ret_code < 300
