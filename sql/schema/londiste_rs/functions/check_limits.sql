create or replace function londiste_rs.check_limits(
    out queue_name text, out consumer_name text, out kind text, out node_name text, out last_tick int8,
    out age interval, out max_age interval, out events int8, out max_events int8, out bytes int8, out max_bytes int8,
    out action text)
returns setof record
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: londiste_rs.check_limits(0)
--
--      The readers that are beyond a limit of londiste_rs.queue_limit. Changes nothing.
--
--      Watermarks only follow the workers below, so they are never to be detached; they are told of only where no
--      reader of the queue is beyond its limit, for then the one to blame reads from another node.
--
-- Returns:
--      queue_name .. last_tick     - see londiste_rs.consumer_usage()
--      age, events, bytes          - what it holds; null where that limit is kept
--      max_age, max_events, max_bytes - the limit; null where it is kept
--      action      - warn, detach
--
-- Tables:
--      reads londiste_rs.queue_limit and what londiste_rs.consumer_usage() reads
-- ----------------------------------------------------------------------
begin
    if not exists (select 1 from londiste_rs.queue_limit) then
        return;
    end if;
    return query
    with beyond as (
        select u.queue_name, u.consumer_name, u.kind, u.node_name, u.last_tick,
               case when u.age > l.max_age then u.age end as age,
               case when u.age > l.max_age then l.max_age end as max_age,
               case when u.events > l.max_events then u.events end as events,
               case when u.events > l.max_events then l.max_events end as max_events,
               case when u.bytes > l.max_bytes then u.bytes end as bytes,
               case when u.bytes > l.max_bytes then l.max_bytes end as max_bytes,
               case when u.kind in ('watermark', 'global') then 'warn' else l.action end as action,
               u.kind in ('watermark', 'global') as follows
          from londiste_rs.consumer_usage(null, null) u
          cross join lateral (
                select q.* from londiste_rs.queue_limit q
                 where q.queue_name = u.queue_name
                   and q.consumer_name in (u.consumer_name, '*')
                 order by q.consumer_name = '*'
                 limit 1) l
         where u.age > l.max_age or u.events > l.max_events or u.bytes > l.max_bytes
    )
    select b.queue_name, b.consumer_name, b.kind, b.node_name, b.last_tick,
           b.age, b.max_age, b.events, b.max_events, b.bytes, b.max_bytes, b.action
      from beyond b
     where not b.follows
        or not exists (select 1 from beyond o
                        where o.queue_name = b.queue_name
                          and (not o.follows or (b.kind = 'global' and o.kind = 'watermark')))
     order by 1, 2;
end;
$$;

revoke execute on function londiste_rs.check_limits() from public;
