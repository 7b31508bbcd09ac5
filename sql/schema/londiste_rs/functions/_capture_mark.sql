create or replace function londiste_rs._capture_mark(i_table oid, i_op text, i_any bool)
returns text
language plpgsql set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: londiste_rs._capture_mark(3)
--
--      Ends what londiste_rs.capture_begin() began, and tells what else happened to the table meanwhile.
--
-- Parameters:
--      i_table - table
--      i_op    - INSERT, UPDATE or DELETE
--      i_any   - whether rows were changed
--
-- Returns:
--      alone   - nothing: the transition tables are how the table is now
--      look    - other statements were logged, which may have been part of this one
--      resync  - an update or a delete of the same table is not over, or rows may have been logged already: plain
--                events may be in the wrong order
-- ----------------------------------------------------------------------
declare
    v_mark text := current_setting('londiste_rs.r' || i_table, true);
    v_own int4 := case i_op when 'INSERT' then 0 else 1 end;
    v_open int4 := 1;
    v_changes int4 := v_own;
    -- not noted at all: the worst
    v_logged text := 'R';
begin
    if v_mark <> '' then
        v_open := split_part(v_mark, '/', 1)::int4;
        v_changes := split_part(v_mark, '/', 2)::int4;
        v_logged := split_part(v_mark, '/', 3);
    end if;
    perform set_config('londiste_rs.r' || i_table,
        case when v_open > 1
             then concat_ws('/', v_open - 1, v_changes - v_own,
                            case when v_logged = 'R' or i_any and i_op = 'INSERT' then 'R'
                                 when v_logged = 'L' or i_any then 'L'
                                 else '-'
                            end)
             else ''
        end, true);
    -- rows of inheriting tables are in the transition tables, too, but are not replicated
    return case when v_changes > v_own or i_op = 'INSERT' and v_logged = 'R'
                     or exists (select 1 from pg_inherits h where h.inhparent = i_table) then 'resync'
                when v_logged <> '-' then 'look'
                else 'alone'
           end;
end;
$$;

create or replace function londiste_rs._capture_check(i_table oid, i_names text[])
returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: londiste_rs._capture_check(2)
--
--      Makes sure that the catalogue, as this transaction sees it, describes the rows that there are.
--
-- Parameters:
--      i_table - table
--      i_names - names of the columns of the rows
--
-- Errors:
--      table <t> was changed after this transaction began
-- ----------------------------------------------------------------------
begin
    if i_names is distinct from (
        select array_agg(a.attname::text order by a.attnum)
          from pg_attribute a
         where a.attrelid = i_table and a.attnum > 0 and not a.attisdropped)
    then
        raise exception 'table % was changed after this transaction began', i_table::regclass
            using errcode = 'serialization_failure';
    end if;
end;
$$;
