-- local_show_missing(1): lists what could be added on this node.
--
-- On a root: tables and sequences of the database that are not in the queue yet. Elsewhere: what is in the queue and
-- not on this node.
-- Parameters:
--   i_queue_name        queue
-- Returns: obj_kind (r table, S sequence; on a root also p for a partitioned table, whose partitions are listed as
--   tables) and name; error when this is not a node of the queue.
-- Tables: londiste.table_info, seq_info, the catalogue (read).
-- Ancestor: lists sequences of a root that are in the queue already, and no partitioned tables.
create or replace function londiste.local_show_missing(
    in i_queue_name     text,
    out obj_kind        text,
    out obj_name        text)
returns setof record as $$
begin
    if pgq_node.is_root_node(i_queue_name) then
        return query
            select r.kind, r.name
            from (select c.relkind::text as kind, n.nspname || '.' || c.relname as name
                    from pg_catalog.pg_class c, pg_catalog.pg_namespace n
                    where n.oid = c.relnamespace
                      and c.relkind in ('r', 'S', 'p')
                      and c.relpersistence <> 't'
                      and n.nspname not in ('pgq', 'pgq_ext', 'pgq_node', 'pgq_coop', 'londiste', 'londiste_rs',
                            'pg_catalog', 'information_schema')
                      and n.nspname !~ '^pg_(toast|temp)') r
            where not exists (
                    select 1 from londiste.table_info t
                    where r.kind in ('r', 'p')
                      and t.queue_name = i_queue_name
                      and t.local
                      and coalesce(t.dest_table, t.table_name) = r.name)
              and not exists (
                    select 1 from londiste.seq_info s
                    where r.kind = 'S'
                      and s.queue_name = i_queue_name
                      and s.local
                      and s.seq_name = r.name)
            order by 1, 2;
    else
        return query
            select 'S'::text, s.seq_name
                from londiste.seq_info s
                where s.queue_name = i_queue_name
                  and not s.local
            union all
            select 'r'::text, t.table_name
                from londiste.table_info t
                where t.queue_name = i_queue_name
                  and not t.local
            order by 1, 2;
    end if;
end;
$$ language plpgsql strict stable;
