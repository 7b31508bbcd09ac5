-- get_valid_pending_fkeys(1): lists the foreign keys that may be put back now, and that it is this queue's turn to.
--
-- Both tables must be in sync in every queue that feeds them. Of several such queues one is chosen: the first leaf that
-- feeds a combined root, else the combined branch, else the first.
-- Parameters:
--   i_queue_name        queue
-- Returns: rows of londiste.pending_fkeys.
-- Tables: londiste.pending_fkeys, table_info, pgq_node.node_info (read).
create or replace function londiste.get_valid_pending_fkeys(i_queue_name text)
returns setof londiste.pending_fkeys as $$
begin
    return query
        select p.*
        from londiste.pending_fkeys p
        join lateral (
            select coalesce(bool_and(t.merge_state is not distinct from 'ok' and t.custom_snapshot is null), false)
                        as in_sync,
                   bool_or(coalesce(t.dest_table, t.table_name) = p.from_table) as has_from,
                   bool_or(coalesce(t.dest_table, t.table_name) = p.to_table) as has_to,
                   bool_or(t.queue_name = i_queue_name) as has_queue,
                   coalesce(
                        min(t.queue_name) filter (where n.node_type = 'leaf' and c.node_type = 'root'),
                        min(n.combined_queue) filter (where n.node_type = 'leaf' and c.node_type = 'branch'),
                        min(t.queue_name)) as elected
            from londiste.table_info t
            join pgq_node.node_info n on (n.queue_name = t.queue_name)
            left join pgq_node.node_info c on (c.queue_name = n.combined_queue)
            where t.local
              and coalesce(t.dest_table, t.table_name) in (p.from_table, p.to_table)) s on true
        where s.in_sync
          and s.has_from
          and s.has_to
          and s.has_queue
          and s.elected = i_queue_name
        order by 1, 3;
end;
$$ language plpgsql strict stable;
