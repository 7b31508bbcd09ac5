-- Tables of this node that may have changed since it replayed a tick, among those that have rows.
-- $1 text      queue name
-- $2 text      consumer name
-- $3 int8      tick
-- Returns rows: table_name text, certain bool (false = it is not known which tables have changed, so it is all of them).
with base as (
    select r.xmin as stored_by
      from londiste_rs.stream_trail r
      join londiste_rs.stream_position p on p.queue_name = r.queue_name and p.consumer_name = r.consumer_name
     where r.queue_name = $1::text and r.consumer_name = $2::text and r.tick_id = $3::int8
       and p.tick_id - r.tick_id < 8192
)
select t.table_name, b.stored_by is not null as certain
  from londiste.table_info t
  left join base b on true
 where t.queue_name = $1::text and t.local and t.merge_state is not null
   and (b.stored_by is null
        or t.merge_state <> 'ok'
        -- Copied since then: its rows are of a later moment.
        or age(t.xmin) < age(b.stored_by)
        or exists (select 1 from londiste_rs.stream_trail r
                    where r.queue_name = $1::text and r.consumer_name = $2::text and r.tick_id > $3::int8
                      and (coalesce(t.dest_table, t.table_name) = any (r.tables) or '*' = any (r.tables))))
 order by t.table_name
