-- _coordinate_copy(2): what a copy has to mind when several queues of this node feed the same table.
--
-- The queues concerned are those whose row for that destination is local and not ok, and which have the same combined
-- queue (or all none). One of them goes first: the one that holds dropped_ddl, else the smallest name.
-- Parameters:
--   i_queue_name        queue
--   i_table_name        global name
-- Returns: nulls for an unknown table.
--   copy_role           null: nothing to mind; lead: takes indexes away and puts them back for all; wait-copy: must not
--                       start yet; wait-replay: copies with indexes in place, or must not replay yet
--   copy_pos            while in-copy: how many queues of smaller name are, too; 0 for the first
-- Tables: londiste.table_info, pgq_node.node_info (read).
create or replace function londiste._coordinate_copy(
    in i_queue_name     text,
    in i_table_name     text,
    out copy_role       text,
    out copy_pos        int4)
returns record as $$
declare
    me          record;
    n_all       int4;       -- queues concerned
    n_done      int4;       -- of them: rows are in
    n_before    int4;       -- of them: smaller name, in-copy
    ddl_queue   text;
    first_queue text;
begin
    select t.queue_name, t.merge_state, t.dropped_ddl, n.combined_queue,
            coalesce(t.dest_table, t.table_name) as dest_table
        into me
        from londiste.table_info t, pgq_node.node_info n
        where t.queue_name = i_queue_name
          and t.table_name = i_table_name
          and n.queue_name = t.queue_name;
    if not found then
        return;
    end if;
    copy_pos := 0;

    select count(*),
           count(*) filter (where t.merge_state <> 'in-copy'),
           count(*) filter (where t.merge_state = 'in-copy' and t.queue_name < me.queue_name),
           min(t.queue_name) filter (where t.dropped_ddl is not null),
           min(t.queue_name)
        into n_all, n_done, n_before, ddl_queue, first_queue
        from londiste.table_info t, pgq_node.node_info n
        where coalesce(t.dest_table, t.table_name) = me.dest_table
          and t.local
          and t.merge_state is distinct from 'ok'
          and n.queue_name = t.queue_name
          and n.combined_queue is not distinct from me.combined_queue;
    first_queue := coalesce(ddl_queue, first_queue);

    if n_all < 2 or me.merge_state is null or me.merge_state not in ('in-copy', 'catching-up') then
        return;
    end if;

    if me.queue_name = first_queue then
        if me.merge_state = 'in-copy' then
            if me.dropped_ddl is null and n_done > 0 then
                copy_role := 'wait-replay';
            elsif n_done < n_all then
                copy_role := 'lead';
            end if;
        elsif me.dropped_ddl is not null and n_done < n_all then
            copy_role := 'wait-replay';
        end if;
    else
        if me.merge_state = 'in-copy' then
            copy_pos := n_before;
        end if;
        if ddl_queue is not null or me.merge_state = 'in-copy' and n_done > 0 then
            copy_role := 'wait-replay';
        elsif me.merge_state = 'in-copy' then
            copy_role := 'wait-copy';
        end if;
    end if;
end;
$$ language plpgsql strict stable;
