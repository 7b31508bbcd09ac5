create or replace function pgq._urlencode(i_text text)
returns text
language plpgsql immutable strict as $$
-- ----------------------------------------------------------------------
-- Function: pgq._urlencode(1)
--
--      Encodes a text for an event: letters, digits, "_", "." and "-" stay, space becomes "+", every other byte
--      of the text in UTF-8 becomes "%" and two lower-case hex digits.
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
    return pg_catalog.replace(pg_catalog.replace(pgq._urlencode_row(i_text), ',', '%2c'), '"', '%22');
end;
$$;
