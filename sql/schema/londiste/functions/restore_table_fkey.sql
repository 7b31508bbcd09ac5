-- restore_table_fkey(3): puts a foreign key back.
--
-- Parameters:
--   i_from_table        local name of the table that had it
--   i_fkey_name         its name
--   i_lazy              false: here and now; true: returns the next statement that the caller has to run and commit,
--                       first one that adds the key without looking at the rows, then one that looks at them
-- Returns: statement to run before the next call, or empty when there is nothing left to do.
-- Tables: londiste.pending_fkeys (delete, when the key is in force).
-- Locks: eager: both tables, SHARE ROW EXCLUSIVE, while all rows are checked.
create or replace function londiste.restore_table_fkey(
    i_from_table    text,
    i_fkey_name     text,
    i_lazy          boolean default false)
returns text as $$
declare
    definition      text;
    is_valid        boolean;
begin
    select p.fkey_def into definition
        from londiste.pending_fkeys p
        where p.from_table = i_from_table
          and p.fkey_name = i_fkey_name
        for update;
    if not found then
        return '';
    end if;

    if i_lazy then
        select k.convalidated into is_valid
            from pg_catalog.pg_constraint k
            where k.conrelid = londiste.find_table_oid(i_from_table)
              and k.conname = i_fkey_name
              and k.contype = 'f';
        if not found then
            return definition || case when definition ~* ' not valid$' then '' else ' not valid' end;
        end if;
        if not is_valid then
            return format('alter table only %s validate constraint %I',
                londiste.quote_fqname(i_from_table), i_fkey_name);
        end if;
    else
        execute definition;
    end if;

    delete from londiste.pending_fkeys p
        where p.from_table = i_from_table
          and p.fkey_name = i_fkey_name;
    return '';
end;
$$ language plpgsql strict;
