-- local_remove_seq(2): detaches a sequence on this node; on a root takes it out of the queue, for all nodes.
--
-- Parameters:
--   i_queue_name        queue
--   i_seq_name          sequence
-- Returns: 200; 400 not in the queue (on a root), 404 not attached here (elsewhere); error when this is not a node of the
--   queue.
-- Tables: londiste.seq_info (update, delete on a root), queue (event londiste.remove-seq on a root).
create or replace function londiste.local_remove_seq(
    in i_queue_name     text,
    in i_seq_name       text,
    out ret_code        int4,
    out ret_note        text)
returns record as $$
declare
    global_name     text := londiste.make_fqname(i_seq_name);
begin
    if pgq_node.is_root_node(i_queue_name) then
        select f.ret_code, f.ret_note into ret_code, ret_note
            from londiste.global_remove_seq(i_queue_name, global_name) f;
        return;
    end if;

    update londiste.seq_info s
        set local = false
        where s.queue_name = i_queue_name
          and s.seq_name = global_name
          and s.local;
    if found then
        select 200, 'Sequence removed: ' || global_name into ret_code, ret_note;
    else
        select 404, 'Sequence not found: ' || global_name into ret_code, ret_note;
    end if;
end;
$$ language plpgsql strict;
