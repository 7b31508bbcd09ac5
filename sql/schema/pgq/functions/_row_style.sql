create or replace function pgq._row_style(i_relid oid)
returns text[]
language plpgsql stable as $$
-- ----------------------------------------------------------------------
-- Function: pgq._row_style(1)
--
--      Settings under which the rows of a table become text, for pgq._set_style().
--
-- Parameters:
--      i_relid - the table
--
-- Returns:
--      DateStyle, IntervalStyle, bytea_output and extra_float_digits; where the table has columns of type money or of
--      one of the types that are names of objects (regclass and the like) also lc_monetary, search_path and
--      quote_all_identifiers. Only there, because a change of search_path makes the session plan its queries anew.
--
-- Runs below functions with definer's rights: every name and operator is qualified.
-- ----------------------------------------------------------------------
begin
    if exists (
        select 1
          from pg_catalog.pg_attribute a
         where a.attrelid operator(pg_catalog.=) i_relid
           and a.attnum operator(pg_catalog.>) 0
           -- money, regproc, regprocedure, regoper, regoperator, regclass, regtype, regconfig, regdictionary,
           -- regcollation and their arrays
           and a.atttypid operator(pg_catalog.=) any (
                   '{790,24,2202,2203,2204,2205,2206,3734,3769,4191,
                     791,1008,2207,2208,2209,2210,2211,3735,3770,4192}'::pg_catalog.oid[])
    ) then
        return '{ISO,postgres,hex,3,C,"",off}';
    end if;
    return '{ISO,postgres,hex,3}';
end;
$$;
