create or replace function londiste_rs.capture_begin()
returns trigger
language plpgsql as $$
-- ----------------------------------------------------------------------
-- Function: londiste_rs.capture_begin(0)
--
--      Trigger, BEFORE INSERT OR UPDATE OR DELETE FOR EACH STATEMENT, of tables that are captured by statement: notes
--      that a statement has begun.
--
-- Parameters (of the trigger):
--      queue name; not used here, it tells whose trigger this is
--
-- The setting londiste_rs.r<oid>, local to the transaction, holds "OPEN/CHANGES/LOGGED": how many statements on the
-- table have begun and are not logged yet; how many of those are updates or deletes; what was logged while another was
-- open: R for rows that readers may have now, L for anything else, - for nothing. Empty: no statement is open. When
-- the trigger of a statement finds that it was not alone, it looks at the table before it logs. A note that nobody
-- takes back makes the later ones of the transaction slow, not wrong.
-- ----------------------------------------------------------------------
declare
    v_mark pg_catalog.text;
begin
    if pg_catalog.current_setting(pg_catalog.concat('londiste_rs.r', TG_RELID), true) operator(pg_catalog.<>) '' then
        v_mark := pg_catalog.current_setting(pg_catalog.concat('londiste_rs.r', TG_RELID));
        v_mark := pg_catalog.set_config(pg_catalog.concat('londiste_rs.r', TG_RELID), pg_catalog.concat(
            pg_catalog.split_part(v_mark, '/', 1)::integer operator(pg_catalog.+) 1, '/',
            pg_catalog.split_part(v_mark, '/', 2)::integer operator(pg_catalog.+)
                case when TG_OP operator(pg_catalog.=) 'INSERT' then 0 else 1 end, '/',
            pg_catalog.split_part(v_mark, '/', 3)), true);
    else
        v_mark := pg_catalog.set_config(pg_catalog.concat('londiste_rs.r', TG_RELID),
            case when TG_OP operator(pg_catalog.=) 'INSERT' then '1/0/-' else '1/1/-' end, true);
    end if;
    return null;
end;
$$;
