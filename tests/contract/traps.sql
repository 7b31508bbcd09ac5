-- Makes schema "traps" that has, for whatever pg_catalog has, something of the same name and arguments that fails when it
-- is used: functions, operators, types (as domains), catalogue tables (as views). In a session whose search_path begins
-- with it, only code that names everything with its schema works.
create schema traps;
grant usage on schema traps to public;
create function traps.spring(what pg_catalog.text) returns pg_catalog.bool language plpgsql as $$
begin
    raise exception 'trapped: % is used without its schema, as %', what, current_user;
end;
$$;

do $do$
declare
    r record;
    v_usable constant text := $$ not exists (
        select 1 from pg_type t
         where t.oid = any (%s)
           and (t.typtype = 'p' and t.typname not in ('anyelement', 'anyarray', 'anynonarray')
                or t.typnamespace <> 'pg_catalog'::regnamespace)) $$;
begin
    for r in execute
        'select p.oid, p.proname, pg_get_function_identity_arguments(p.oid) as args, p.proretset,
                p.prorettype::regtype as result
           from pg_proc p
          where p.pronamespace = ''pg_catalog''::regnamespace and p.prokind = ''f''
            and p.proargmodes is null and ' || format(v_usable, 'p.proargtypes::oid[] || nullif(p.prorettype, ''void''::regtype)')
    loop
        begin
            execute format('create function traps.%I(%s) returns %s language plpgsql as %L',
                           r.proname, r.args, case when r.proretset then 'setof ' else '' end || r.result,
                           format('begin perform traps.spring(%L); end', 'function ' || r.oid::regprocedure));
        exception when invalid_function_definition then
            null;   -- a polymorphic result from arguments that do not tell its type
        end;
    end loop;
    for r in execute
        'select o.oid, o.oprname, o.oprkind, o.oprleft::regtype as l, o.oprright::regtype as r, o.oprresult::regtype as result
           from pg_operator o
          where o.oprnamespace = ''pg_catalog''::regnamespace and o.oprkind in (''b'', ''l'') and o.oprcode <> 0
            and ' || format(v_usable, 'array[o.oprleft, o.oprright, o.oprresult]')
    loop
        execute format('create function traps.op_%s(%s) returns %s language plpgsql as %L', r.oid,
                       concat_ws(', ', case when r.oprkind = 'b' then r.l end, r.r), r.result,
                       format('begin perform traps.spring(%L); end', 'operator ' || r.oid::regoperator));
        execute format('create operator traps.%s (%s rightarg = %s, procedure = traps.op_%s)', r.oprname,
                       case when r.oprkind = 'b' then format('leftarg = %s,', r.l) else '' end, r.r, r.oid);
    end loop;
    -- Those of any number of arguments of any type cannot be had, so the likely calls of them.
    for r in
        select n.name, a.args
          from unnest(array['concat', 'format', 'concat_ws', 'jsonb_build_object', 'num_nulls']) n (name),
               unnest(array['text', 'anyelement', 'text, text', 'text, anyelement', 'text, text, text',
                            'text, text, text, text', 'text, variadic text[]']) a (args)
    loop
        execute format('create or replace function traps.%I(%s) returns text language plpgsql as %L', r.name, r.args,
                       format('begin perform traps.spring(%L); end', 'function ' || r.name));
    end loop;
    for r in
        select c.relname from pg_class c
         where c.relnamespace = 'pg_catalog'::regnamespace and c.relkind in ('r', 'v')
    loop
        begin
            execute format('create view traps.%I as select * from pg_catalog.%I where traps.spring(%L)',
                           r.relname, r.relname, r.relname);
            execute format('grant select on traps.%I to public', r.relname);
        exception when invalid_table_definition then
            null;   -- a column of a type that no view may have
        end;
    end loop;
    for r in
        select t.typname from pg_type t
         where t.typnamespace = 'pg_catalog'::regnamespace and t.typtype in ('b', 'r') and t.typelem = 0
            or t.oid = 'name'::regtype
    loop
        begin
            execute format('create domain traps.%I as pg_catalog.%I check (traps.spring(%L))',
                           r.typname, r.typname, 'type ' || r.typname);
        exception when duplicate_object then
            null;
        end;
    end loop;
end
$do$;
