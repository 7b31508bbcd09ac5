-- How a provider describes ticks that another node knows. The first tick that it has is left out if it may be the one that
-- a branch was created with: that one has another time.
-- $1 text      queue name
-- $2 int8[]    tick ids
-- $3 text[]    their times there (timestamptz)
-- Returns rows by tick id: tick_id int8, tick_time text (null = the queue does not have it), same bool (null, too).
with known as (
    select k.tick_id, k.tick_time::timestamptz as tick_time
      from unnest($2::int8[], $3::text[]) as k (tick_id, tick_time)
), bounds as (
    select q.queue_id, min(t.tick_id) as oldest
      from pgq.queue q
      join pgq.tick t on t.tick_queue = q.queue_id
     where q.queue_name = $1::text
     group by q.queue_id
)
select k.tick_id, t.tick_time::text as tick_time, t.tick_time = k.tick_time as same
  from known k
  join bounds b on k.tick_id >= b.oldest
  left join pgq.tick t on t.tick_queue = b.queue_id and t.tick_id = k.tick_id
 where not (k.tick_id = b.oldest and t.tick_event_seq = 1)
 order by k.tick_id
