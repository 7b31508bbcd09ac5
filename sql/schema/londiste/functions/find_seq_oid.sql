-- find_seq_oid(1): finds a sequence by its unquoted name.
--
-- Parameters:
--   seq                 unquoted name
-- Returns: oid, or null.
create or replace function londiste.find_seq_oid(seq text)
returns oid as $$
begin
    return londiste.find_rel_oid(seq, 'S');
end;
$$ language plpgsql strict stable;
