-- get_seq_list(1): lists the sequences of a queue as this node knows them.
--
-- Parameters:
--   i_queue_name        queue
-- Returns: name, last published value, and whether the node takes part, in order of nr.
-- Tables: londiste.seq_info (read).
create or replace function londiste.get_seq_list(
    in i_queue_name     text,
    out seq_name        text,
    out last_value      int8,
    out local           boolean)
returns setof record as $$
begin
    return query
        select s.seq_name, s.last_value, s.local
        from londiste.seq_info s
        where s.queue_name = i_queue_name
        order by s.nr, s.seq_name;
end;
$$ language plpgsql strict;
