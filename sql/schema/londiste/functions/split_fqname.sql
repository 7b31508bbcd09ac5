-- split_fqname(1): takes a name apart at its first dot.
--
-- Parameters:
--   i_fqname            unquoted name
-- Returns: schema (public when there is no dot) and name, unquoted.
create or replace function londiste.split_fqname(
    in i_fqname         text,
    out schema_part     text,
    out name_part       text)
returns record as $$
declare
    dot     int4 := strpos(i_fqname, '.');
begin
    if dot > 0 then
        schema_part := substr(i_fqname, 1, dot - 1);
        name_part := substr(i_fqname, dot + 1);
    else
        schema_part := 'public';
        name_part := i_fqname;
    end if;
end;
$$ language plpgsql strict immutable;
