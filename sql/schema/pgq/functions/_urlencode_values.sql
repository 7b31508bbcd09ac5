create or replace function pgq._urlencode_values(i_row text)
returns text[]
language plpgsql immutable strict as $$
-- ----------------------------------------------------------------------
-- Function: pgq._urlencode_values(1)
--
--      Takes apart the text of a row, as PostgreSQL prints rows, and urlencodes its values.
--
-- Parameters:
--      i_row   - text of a row: values in parentheses, separated by commas; nothing for null; in double quotes
--                where needed, with quotes and backslashes inside doubled
--
-- Returns:
--      per value: null, or "=" and the encoded value; a value that was quoted may have double quotes before its
--      text, which the caller removes
--
-- The whole row is encoded before it is split, so that the number of steps does not grow with the number of
-- columns; only quoted values take one each.
-- Runs below functions with definer's rights: every name and operator is qualified.
-- ----------------------------------------------------------------------
declare
    v_row pg_catalog.text := pg_catalog.substr(i_row, 2, pg_catalog.length(i_row) operator(pg_catalog.-) 2);
    v_text pg_catalog.text := '=';
    v_part pg_catalog.text;
    v_parts pg_catalog.text[];
    v_last integer;
    v_pos integer := 0;
begin
    if pg_catalog.strpos(v_row, '"') operator(pg_catalog.=) 0 then
        return pg_catalog.string_to_array(
            '=' operator(pg_catalog.||) pg_catalog.replace(pgq._urlencode_row(v_row), ',', ',='), ',', '=');
    end if;

    -- outside and inside of quotes take turns; nothing outside, but in the middle, is a doubled quote
    v_parts := pg_catalog.string_to_array(
        pgq._urlencode_row(pg_catalog.replace(v_row, E'\\\\', E'\\')), '"');
    v_last := pg_catalog.cardinality(v_parts);
    foreach v_part in array v_parts loop
        v_pos := v_pos operator(pg_catalog.+) 1;
        if v_pos operator(pg_catalog.&) 1 operator(pg_catalog.=) 0 then
            v_text := v_text operator(pg_catalog.||) '"' operator(pg_catalog.||)
                pg_catalog.replace(v_part, ',', '%2c');
        elsif v_part operator(pg_catalog.<>) '' then
            v_text := v_text operator(pg_catalog.||) pg_catalog.replace(v_part, ',', ',=');
        elsif v_pos operator(pg_catalog.>) 1 and v_pos operator(pg_catalog.<) v_last then
            v_text := v_text operator(pg_catalog.||) '%22';
        end if;
    end loop;
    return pg_catalog.string_to_array(v_text, ',', '=');
end;
$$;
