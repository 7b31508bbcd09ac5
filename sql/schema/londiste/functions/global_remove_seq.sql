-- global_remove_seq(2): forgets a sequence of the queue. A root tells the nodes below.
--
-- Parameters:
--   i_queue_name        queue
--   i_seq_name          sequence
-- Returns: 200, 400 not known.
-- Tables: londiste.seq_info (delete), queue (event londiste.remove-seq on a root).
create or replace function londiste.global_remove_seq(
    in i_queue_name     text,
    in i_seq_name       text,
    out ret_code        int4,
    out ret_note        text)
returns record as $$
declare
    global_name     text := londiste.make_fqname(i_seq_name);
begin
    delete from londiste.seq_info s
        where s.queue_name = i_queue_name
          and s.seq_name = global_name;
    if not found then
        select 400, 'Sequence not found: ' || global_name into ret_code, ret_note;
        return;
    end if;
    if pgq_node.is_root_node(i_queue_name) then
        perform londiste.root_notify_change(i_queue_name, 'londiste.remove-seq', global_name);
    end if;
    select 200, 'Sequence removed: ' || global_name into ret_code, ret_note;
end;
$$ language plpgsql strict;
