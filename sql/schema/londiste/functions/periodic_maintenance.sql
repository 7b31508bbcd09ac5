-- periodic_maintenance(0): called by the ticker's maintenance: forgets scripts that were run more than 3 months ago.
--
-- Returns: 0.
-- Tables: londiste.applied_execute (delete).
create or replace function londiste.periodic_maintenance()
returns int4 as $$
begin
    delete from londiste.applied_execute e
        where e.execute_time < now() - '3 months'::interval;
    return 0;
end;
$$ language plpgsql;
