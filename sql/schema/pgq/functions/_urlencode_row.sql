create or replace function pgq._urlencode_row(i_text text)
returns text
language plpgsql immutable strict as $$
-- ----------------------------------------------------------------------
-- Function: pgq._urlencode_row(1)
--
--      As pgq._urlencode(), but leaves commas and double quotes alone, which hold a row together.
--
-- Parameters:
--      i_text  - text
--
-- Returns:
--      the encoded text
--
-- Runs below functions with definer's rights: every name and operator is qualified.
-- ----------------------------------------------------------------------
begin
    return pgq._urlencode_rest(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(
        i_text, '%', '%25'), '+', '%2b'), ' ', '+'), ':', '%3a'));
end;
$$;
