-- create_partition(6): makes a child of a table by inheritance, like its parent in everything.
--
-- Parameters:
--   i_table             parent
--   i_part              child
--   i_pkeys             not used; the primary key comes from the parent
--   i_part_field        column that says what belongs into the child; null or empty: no check
--   i_part_time         a time that lies in the child's period
--   i_part_period       year, month, day, hour (or yearly ...), or another unit of date_trunc
-- Returns: 1, or 0 when it is there already.
-- Locks: londiste.table_info, SHARE UPDATE EXCLUSIVE: one partition is made at a time.
-- Ancestor: knows no yearly, monthly, daily, hourly here.
create or replace function londiste.create_partition(
    i_table         text,
    i_part          text,
    i_pkeys         text,
    i_part_field    text,
    i_part_time     timestamptz,
    i_part_period   text)
returns int4 as $$
declare
    parent          text := londiste.quote_fqname(i_table);
    part_name       text := londiste.make_fqname(i_part);
    part            text := londiste.quote_fqname(i_part);
    parent_oid      oid := parent::regclass;
    period          text;
    period_start    timestamptz;
    item            record;
    head_length     int4;
    at              int4;
begin
    if londiste.find_table_oid(part_name) is not null then
        return 0;
    end if;
    lock table londiste.table_info in share update exclusive mode;
    if londiste.find_table_oid(part_name) is not null then
        return 0;
    end if;

    execute format('create table %s (like %s including all) inherits (%s)', part, parent, parent);
    execute format('alter table %s owner to %I', part,
        (select pg_get_userbyid(c.relowner) from pg_catalog.pg_class c where c.oid = parent_oid));

    if i_part_field <> '' then
        period := case i_part_period
            when 'yearly' then 'year'
            when 'monthly' then 'month'
            when 'daily' then 'day'
            when 'hourly' then 'hour'
            else i_part_period end;
        period_start := date_trunc(period, i_part_time);
        execute format('alter table %s add check (%I >= %L and %I < %L)', part,
            i_part_field, period_start, i_part_field, period_start + ('1 ' || period)::interval);
    end if;

    for item in
        select case when a.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end as grantee,
               a.is_grantable, string_agg(a.privilege_type, ', ') as privileges
        from pg_catalog.pg_class c, aclexplode(c.relacl) a
        where c.oid = parent_oid
          and a.grantee <> c.relowner
        group by 1, 2
    loop
        execute format('grant %s on %s to %s%s', item.privileges, part, item.grantee,
            case when item.is_grantable then ' with grant option' else '' end);
    end loop;

    -- with the path of this function the catalogue prints qualified names
    for item in
        select t.tgname as name, pg_get_triggerdef(t.oid) as def, t.tgenabled as enabled,
               'TRIGGER ' || quote_ident(t.tgname) as head, ' ON ' || parent as table_at, 'trigger' as kind
        from pg_catalog.pg_trigger t
        where t.tgrelid = parent_oid
          and not t.tgisinternal
        union all
        select r.rulename, pg_get_ruledef(r.oid), r.ev_enabled,
               'RULE ' || quote_ident(r.rulename), ' TO ' || parent, 'rule'
        from pg_catalog.pg_rewrite r
        where r.ev_class = parent_oid
    loop
        -- the first place after the name is the one that names the table
        head_length := strpos(item.def, item.head) + length(item.head) - 1;
        at := head_length + strpos(substr(item.def, head_length + 1), item.table_at);
        execute overlay(item.def placing part from at + length(item.table_at) - length(parent) for length(parent));
        if item.enabled <> 'O' then
            execute format('alter table %s %s %s %I', part,
                case item.enabled when 'D' then 'disable' when 'R' then 'enable replica' else 'enable always' end,
                item.kind, item.name);
        end if;
    end loop;

    return 1;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
