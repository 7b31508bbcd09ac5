-- make_fqname(1): completes a name: public is the schema of a name without a dot.
--
-- Parameters:
--   i_name              unquoted name
-- Returns: schema dot name, unquoted.
create or replace function londiste.make_fqname(i_name text)
returns text as $$
begin
    if strpos(i_name, '.') > 0 then
        return i_name;
    end if;
    return 'public.' || i_name;
end;
$$ language plpgsql strict immutable;
