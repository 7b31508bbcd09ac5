-- ----------------------------------------------------------------------
-- Schema pgq_coop: grants, version mark. Run after all functions are there.
-- May be run again; changes nothing then.
-- ----------------------------------------------------------------------

do $grants$
declare
    v_has_role bool := exists (select 1 from pg_catalog.pg_roles where rolname = 'pgq_reader');
    f record;
begin
    grant usage on schema pgq_coop to public;
    for f in
        select p.oid::pg_catalog.regprocedure::text as sig, p.proname::text as name
          from pg_catalog.pg_proc p
          join pg_catalog.pg_namespace n on n.oid = p.pronamespace
         where n.nspname = 'pgq_coop'
         order by 1
    loop
        if f.name = 'version' then
            execute 'grant execute on function ' || f.sig || ' to public';
            continue;
        end if;
        execute 'revoke execute on function ' || f.sig || ' from public';
        if v_has_role then
            execute 'grant execute on function ' || f.sig || ' to pgq_reader';
        end if;
    end loop;
end;
$grants$;

insert into londiste_rs.component (schema_name, version)
values ('pgq_coop', '1')
on conflict (schema_name) do update set version = excluded.version
    where component.version is distinct from excluded.version;
