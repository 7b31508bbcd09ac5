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
-- The setting londiste_rs.r<oid>, local to the transaction, holds "TIME/OPEN/CHANGES/LOGGED": the time of the client's
-- message; how many statements on the table have begun in it and are not logged yet; how many of those are updates
-- or deletes; what was logged while another was open: R for rows that readers may have now, L for anything else, -
-- for nothing. What was noted in an earlier message is of no interest: its statements are over. When the trigger of
-- a statement finds that it was not alone, it looks at the table before it logs.
-- ----------------------------------------------------------------------
declare
    v_name pg_catalog.text := pg_catalog.concat('londiste_rs.r', TG_RELID);
    v_mark pg_catalog.text := pg_catalog.current_setting(v_name, true);
    v_now pg_catalog.text := pg_catalog.encode(
        pg_catalog.timestamptz_send(pg_catalog.statement_timestamp()), 'hex');
begin
    if pg_catalog.starts_with(v_mark, v_now) then
        v_mark := pg_catalog.set_config(v_name, pg_catalog.concat(
            v_now, '/', pg_catalog.split_part(v_mark, '/', 2)::integer operator(pg_catalog.+) 1, '/',
            pg_catalog.split_part(v_mark, '/', 3)::integer operator(pg_catalog.+)
                case when TG_OP operator(pg_catalog.=) 'INSERT' then 0 else 1 end, '/',
            pg_catalog.split_part(v_mark, '/', 4)), true);
    else
        v_mark := pg_catalog.set_config(v_name, pg_catalog.concat(
            v_now, case when TG_OP operator(pg_catalog.=) 'INSERT' then '/1/0/-' else '/1/1/-' end), true);
    end if;
    return null;
end;
$$;
