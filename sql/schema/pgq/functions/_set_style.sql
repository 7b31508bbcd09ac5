create or replace function pgq._set_style(i_settings text[])
returns text[]
language plpgsql as $$
-- ----------------------------------------------------------------------
-- Function: pgq._set_style(1)
--
--      Sets what the text of values depends on, for the rest of the transaction.
--
-- Parameters:
--      i_settings  - DateStyle, IntervalStyle, bytea_output and extra_float_digits, perhaps also lc_monetary,
--                    search_path and quote_all_identifiers: as pgq._row_style() returns them
--
-- Returns:
--      the former settings, as many as were given
--
-- Runs below functions with definer's rights: every name and operator is qualified.
-- ----------------------------------------------------------------------
declare
    v_former pg_catalog.text[] := array[
        pg_catalog.current_setting('datestyle'), pg_catalog.current_setting('intervalstyle'),
        pg_catalog.current_setting('bytea_output'), pg_catalog.current_setting('extra_float_digits')];
begin
    perform pg_catalog.set_config('datestyle', i_settings[1], true);
    perform pg_catalog.set_config('intervalstyle', i_settings[2], true);
    perform pg_catalog.set_config('bytea_output', i_settings[3], true);
    perform pg_catalog.set_config('extra_float_digits', i_settings[4], true);
    if pg_catalog.cardinality(i_settings) operator(pg_catalog.>) 4 then
        v_former := v_former operator(pg_catalog.||) array[
            pg_catalog.current_setting('lc_monetary'), pg_catalog.current_setting('search_path'),
            pg_catalog.current_setting('quote_all_identifiers')];
        perform pg_catalog.set_config('lc_monetary', i_settings[5], true);
        perform pg_catalog.set_config('search_path', i_settings[6], true);
        perform pg_catalog.set_config('quote_all_identifiers', i_settings[7], true);
    end if;
    return v_former;
end;
$$;
