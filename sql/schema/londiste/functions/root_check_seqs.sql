-- root_check_seqs: publishes values ahead of the sequences of a root, before the last published value is reached.
--
-- Parameters:
--   i_queue_name        queue
--   i_buffer            publish when the sequence is this near to the published value, and then three times as much
--                       ahead; 10000 when null or below 10
-- Returns: 100; 402 not a root, 404 unknown queue.
-- Tables: londiste.seq_info (update), the sequences (read), queue (event londiste.update-seq).
create or replace function londiste.root_check_seqs(
    in i_queue_name     text,
    in i_buffer         int8,
    out ret_code        int4,
    out ret_note        text)
returns record as $$
declare
    buffer      int8 := case when i_buffer >= 10 then i_buffer else 10000 end;
    my_type     text;
    seq         record;
    cur_value   int8;
    new_value   int8;
begin
    select n.node_type into my_type
        from pgq_node.node_info n
        where n.queue_name = i_queue_name;
    if not found then
        select 404, 'Queue not found: ' || i_queue_name into ret_code, ret_note;
        return;
    end if;
    if my_type <> 'root' then
        select 402, 'Not a root node' into ret_code, ret_note;
        return;
    end if;

    for seq in
        select s.seq_name, s.last_value
        from londiste.seq_info s
        where s.queue_name = i_queue_name
          and s.local
        order by s.nr
        for update
    loop
        -- one that is gone must not keep the others from being published
        continue when londiste.find_seq_oid(seq.seq_name) is null;
        cur_value := pgq.seq_getval(seq.seq_name);
        if cur_value + buffer >= seq.last_value then
            new_value := cur_value + buffer * 3;
            perform pgq.insert_event(i_queue_name, 'londiste.update-seq', new_value::text, seq.seq_name, null, null, null);
            update londiste.seq_info s
                set last_value = new_value
                where s.queue_name = i_queue_name
                  and s.seq_name = seq.seq_name;
        end if;
    end loop;
    select 100, 'Sequences updated' into ret_code, ret_note;
end;
$$ language plpgsql;

create or replace function londiste.root_check_seqs(
    in i_queue_name     text,
    out ret_code        int4,
    out ret_note        text)
returns record as $$
begin
    select f.ret_code, f.ret_note into ret_code, ret_note
        from londiste.root_check_seqs(i_queue_name, 10000) f;
end;
$$ language plpgsql;
