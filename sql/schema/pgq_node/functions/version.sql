-- version(0): the version of pgq_node whose contract this schema keeps.
--
-- Returns: text.
create or replace function pgq_node.version()
returns text as $$
begin
    return '3.5';
end;
$$ language plpgsql;
