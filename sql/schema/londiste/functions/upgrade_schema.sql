-- upgrade_schema(0): adds what older versions of the tables lack. May be run at any time.
--
-- Returns: 0.
-- Tables: londiste.table_info, applied_execute (alter, when something is missing).
create or replace function londiste.upgrade_schema()
returns int4 as $$
declare
    missing     record;
begin
    for missing in
        select v.tbl, v.col
        from (values ('table_info', 'custom_snapshot'), ('table_info', 'dropped_ddl'), ('table_info', 'table_attrs'),
                     ('table_info', 'dest_table'), ('applied_execute', 'execute_attrs')) v (tbl, col)
        where not exists (
            select 1 from pg_catalog.pg_attribute a
            where a.attrelid = format('londiste.%I', v.tbl)::regclass
              and a.attname = v.col
              and not a.attisdropped)
    loop
        execute format('alter table londiste.%I add column %I text', missing.tbl, missing.col);
        if missing.col = 'dropped_ddl' then
            alter table londiste.table_info add constraint table_info_check
                check (dropped_ddl is null or merge_state in ('in-copy', 'catching-up'));
        end if;
    end loop;
    return 0;
end;
$$ language plpgsql;
