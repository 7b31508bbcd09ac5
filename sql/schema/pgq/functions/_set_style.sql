create or replace function pgq._set_style(i_settings text[])
returns text[]
language plpgsql as $$
-- ----------------------------------------------------------------------
-- Function: pgq._set_style(1)
--
--      Sets what the text of values depends on, for the rest of the transaction.
--
-- Parameters:
--      i_settings  - DateStyle, IntervalStyle, bytea_output and extra_float_digits; null: those of events
--
-- Returns:
--      the former settings
--
-- Runs below functions with definer's rights: every name and operator is qualified.
-- ----------------------------------------------------------------------
declare
    v_former pg_catalog.text[] := array[
        pg_catalog.current_setting('datestyle'), pg_catalog.current_setting('intervalstyle'),
        pg_catalog.current_setting('bytea_output'), pg_catalog.current_setting('extra_float_digits')];
    v_settings pg_catalog.text[] := coalesce(i_settings, '{ISO,postgres,hex,3}');
begin
    perform pg_catalog.set_config('datestyle', v_settings[1], true);
    perform pg_catalog.set_config('intervalstyle', v_settings[2], true);
    perform pg_catalog.set_config('bytea_output', v_settings[3], true);
    perform pg_catalog.set_config('extra_float_digits', v_settings[4], true);
    return v_former;
end;
$$;
