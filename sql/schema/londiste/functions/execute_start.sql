-- execute_start: notes that a script is about to be run here.
--
-- Parameters:
--   i_queue_name        queue
--   i_file_name         name of the script; its identity
--   i_sql               its text
--   i_expect_root       true: refuse when this is not the root
--   i_attrs             null, or url-encoded attributes
-- Returns: 200; 201 was run before, do not run it; 401 not the root; error when this is not a node of the queue.
-- Tables: londiste.applied_execute (insert).
create or replace function londiste.execute_start(
    in i_queue_name     text,
    in i_file_name      text,
    in i_sql            text,
    in i_expect_root    boolean,
    in i_attrs          text,
    out ret_code        int4,
    out ret_note        text)
returns record as $$
begin
    if not pgq_node.is_root_node(i_queue_name) and i_expect_root then
        select 401, 'Node is not root node: ' || i_queue_name into ret_code, ret_note;
        return;
    end if;

    insert into londiste.applied_execute (queue_name, execute_file, execute_sql, execute_attrs)
        values (i_queue_name, i_file_name, i_sql, i_attrs)
        on conflict (execute_file) do nothing;
    if found then
        select 200, 'Executing: ' || i_file_name into ret_code, ret_note;
    else
        select 201, 'EXECUTE: "' || i_file_name || '" already applied, skipping' into ret_code, ret_note;
    end if;
end;
$$ language plpgsql;

create or replace function londiste.execute_start(
    in i_queue_name     text,
    in i_file_name      text,
    in i_sql            text,
    in i_expect_root    boolean,
    out ret_code        int4,
    out ret_note        text)
returns record as $$
begin
    select f.ret_code, f.ret_note into ret_code, ret_note
        from londiste.execute_start(i_queue_name, i_file_name, i_sql, i_expect_root, null) f;
end;
$$ language plpgsql;
