-- global_update_seq(3): stores the value that the root has published for a sequence; an attached one is moved forward.
--
-- Parameters:
--   i_queue_name        queue
--   i_seq_name          sequence
--   i_value             published value
-- Returns: 200; 402 this is the root, 404 unknown queue.
-- Tables: londiste.seq_info (insert, update), the sequence.
create or replace function londiste.global_update_seq(
    in i_queue_name     text,
    in i_seq_name       text,
    in i_value          int8,
    out ret_code        int4,
    out ret_note        text)
returns record as $$
declare
    global_name     text := londiste.make_fqname(i_seq_name);
    my_type         text;
    is_local        boolean;
begin
    select n.node_type into my_type
        from pgq_node.node_info n
        where n.queue_name = i_queue_name;
    if not found then
        select 404, 'Set not found: ' || i_queue_name into ret_code, ret_note;
        return;
    end if;
    if my_type = 'root' then
        select 402, 'Must not run on root node' into ret_code, ret_note;
        return;
    end if;

    insert into londiste.seq_info as s (queue_name, seq_name, last_value)
        values (i_queue_name, global_name, i_value)
        on conflict (queue_name, seq_name) do update
        set last_value = excluded.last_value
        returning s.local into is_local;
    if is_local and londiste.find_seq_oid(global_name) is not null then
        perform pgq.seq_setval(global_name, i_value);
    end if;
    select 200, 'Sequence updated' into ret_code, ret_note;
end;
$$ language plpgsql;
