-- local_add_seq(2): attaches a sequence of a queue on this node.
--
-- On a root it enters the queue and its value is published. Elsewhere it must be in the queue already and is moved
-- forward to the published value.
-- Parameters:
--   i_queue_name        queue
--   i_seq_name          sequence
-- Returns: 200; 201 attached already; 400 no such sequence here; 404 not in the queue; error when this is not a node of
--   the queue.
-- Tables: londiste.seq_info (insert, update), the sequence, queue (event londiste.update-seq on a root).
create or replace function londiste.local_add_seq(
    in i_queue_name     text,
    in i_seq_name       text,
    out ret_code        int4,
    out ret_note        text)
returns record as $$
declare
    global_name     text := londiste.make_fqname(i_seq_name);
    known           record;
begin
    if londiste.find_seq_oid(global_name) is null then
        select 400, 'Sequence not found: ' || global_name into ret_code, ret_note;
        return;
    end if;

    if pgq_node.is_root_node(i_queue_name) then
        select s.local into known
            from londiste.seq_info s
            where s.queue_name = i_queue_name
              and s.seq_name = global_name
            for update;
        if found and known.local then
            select 201, 'Sequence already added: ' || global_name into ret_code, ret_note;
            return;
        end if;
        if found then
            update londiste.seq_info s
                set local = true
                where s.queue_name = i_queue_name
                  and s.seq_name = global_name;
        else
            insert into londiste.seq_info (queue_name, seq_name, local, last_value)
                values (i_queue_name, global_name, true, 0);
        end if;
        perform londiste.root_check_seqs(i_queue_name);
    else
        select s.local, s.last_value into known
            from londiste.seq_info s
            where s.queue_name = i_queue_name
              and s.seq_name = global_name
            for update;
        if not found then
            select 404, 'Unknown sequence: ' || global_name into ret_code, ret_note;
            return;
        end if;
        if known.local then
            select 201, 'Sequence already added: ' || global_name into ret_code, ret_note;
            return;
        end if;
        update londiste.seq_info s
            set local = true
            where s.queue_name = i_queue_name
              and s.seq_name = global_name;
        perform pgq.seq_setval(global_name, known.last_value);
    end if;
    select 200, 'Sequence added: ' || global_name into ret_code, ret_note;
end;
$$ language plpgsql;
