-- drop_table_fkey(2): takes a foreign key away and keeps its definition.
--
-- Parameters:
--   i_from_table        local name of the table that has it
--   i_fkey_name         its name
-- Returns: 1, or 0 when there is none.
-- Tables: londiste.pending_fkeys (insert).
-- Locks: both tables, ACCESS EXCLUSIVE.
create or replace function londiste.drop_table_fkey(i_from_table text, i_fkey_name text)
returns int4 as $$
declare
    fkey    record;
begin
    select f.from_table, f.to_table, f.fkey_name, f.fkey_def into fkey
        from londiste.find_table_fkeys(i_from_table) f
        where f.from_table = londiste.make_fqname(i_from_table)
          and f.fkey_name = i_fkey_name;
    if not found then
        return 0;
    end if;

    insert into londiste.pending_fkeys (from_table, to_table, fkey_name, fkey_def)
        values (fkey.from_table, fkey.to_table, fkey.fkey_name, fkey.fkey_def)
        on conflict (from_table, fkey_name) do update
        set to_table = excluded.to_table,
            fkey_def = excluded.fkey_def;
    execute format('alter table only %s drop constraint %I', londiste.quote_fqname(fkey.from_table), fkey.fkey_name);
    return 1;
end;
$$ language plpgsql strict;
