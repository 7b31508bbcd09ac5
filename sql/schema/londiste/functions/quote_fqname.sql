-- quote_fqname(1): makes an unquoted name safe for use in SQL text; split at the first dot, public when there is none.
--
-- Parameters:
--   i_name              unquoted name
-- Returns: quoted schema dot quoted name.
create or replace function londiste.quote_fqname(i_name text)
returns text as $$
declare
    dot     int4 := strpos(i_name, '.');
begin
    if dot > 0 then
        return quote_ident(substr(i_name, 1, dot - 1)) || '.' || quote_ident(substr(i_name, dot + 1));
    end if;
    return 'public.' || quote_ident(i_name);
end;
$$ language plpgsql strict immutable;
