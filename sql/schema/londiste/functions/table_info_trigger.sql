-- table_info_trigger(): before a row of londiste.table_info is deleted, its triggers are taken off the table.
--
-- Returns: the old row.
create or replace function londiste.table_info_trigger()
returns trigger as $$
begin
    if tg_op = 'DELETE' then
        perform londiste.drop_table_triggers(old.queue_name, old.table_name);
        return old;
    end if;
    return new;
end;
$$ language plpgsql;
