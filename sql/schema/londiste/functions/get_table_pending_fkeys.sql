-- get_table_pending_fkeys(1): lists the foreign keys from and to a table that wait to be put back.
--
-- Parameters:
--   i_table_name        local name
-- Returns: rows of londiste.pending_fkeys.
-- Tables: londiste.pending_fkeys (read).
create or replace function londiste.get_table_pending_fkeys(i_table_name text)
returns setof londiste.pending_fkeys as $$
begin
    return query
        select p.*
        from londiste.pending_fkeys p
        where p.from_table = i_table_name
           or p.to_table = i_table_name
        order by 1, 3;
end;
$$ language plpgsql strict stable;
