-- execute_finish(2): notes that a script has been run here. A root sends it to the nodes below.
--
-- Parameters:
--   i_queue_name        queue
--   i_file_name         name of the script
-- Returns: 200; 404 execute_start was not called; error when this is not a node of the queue.
-- Tables: londiste.applied_execute (read), queue (event EXECUTE on a root).
create or replace function londiste.execute_finish(
    in i_queue_name     text,
    in i_file_name      text,
    out ret_code        int4,
    out ret_note        text)
returns record as $$
declare
    script      record;
begin
    select e.execute_sql, e.execute_attrs into script
        from londiste.applied_execute e
        where e.execute_file = i_file_name;
    if not found then
        select 404, 'execute_file called without execute_start' into ret_code, ret_note;
        return;
    end if;

    if pgq_node.is_root_node(i_queue_name) then
        perform pgq.insert_event(i_queue_name, 'EXECUTE', script.execute_sql,
            i_file_name, script.execute_attrs, null, null);
    end if;
    select 200, 'Execute finished: ' || i_file_name into ret_code, ret_note;
end;
$$ language plpgsql strict;
