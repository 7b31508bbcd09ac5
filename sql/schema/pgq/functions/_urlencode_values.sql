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
-- columns; only where quotes matter, each quoted value takes one.
-- Runs below functions with definer's rights: every name and operator is qualified.
-- ----------------------------------------------------------------------
declare
    v_text pg_catalog.text;
    v_part pg_catalog.text;
    v_parts pg_catalog.text[];
    v_pos integer := 0;
begin
    -- where no quoted value is empty or has a comma or a quote, the quotes are of no use
    if pg_catalog.strpos(i_row, '""') operator(pg_catalog.=) 0
        and i_row operator(pg_catalog.~) '^([^"]|"[^",]*")*$' collate pg_catalog."C"
    then
        v_text := pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(
            pg_catalog.replace(
                pg_catalog.substr(i_row, 2, pg_catalog.length(i_row) operator(pg_catalog.-) 2),
                '"', ''), E'\\\\', E'\\'), '%', '%25'), '+', '%2b'), ' ', '+'), ':', '%3a');
        if v_text operator(pg_catalog.~) '[^A-Za-z0-9_.,%+-]' collate pg_catalog."C" then
            v_text := pgq._urlencode_rest(v_text);
        end if;
        return pg_catalog.string_to_array(
            pg_catalog.concat('=', pg_catalog.replace(v_text, ',', ',=')), ',', '=');
    end if;

    -- outside and inside of quotes take turns; nothing outside, but in the middle, is a doubled quote
    v_parts := pg_catalog.string_to_array(
        pgq._urlencode_row(pg_catalog.replace(
            pg_catalog.substr(i_row, 2, pg_catalog.length(i_row) operator(pg_catalog.-) 2), E'\\\\', E'\\')), '"');
    v_text := '=';
    foreach v_part in array v_parts loop
        v_pos := v_pos operator(pg_catalog.+) 1;
        v_text := pg_catalog.concat(v_text,
            case when v_pos operator(pg_catalog.&) 1 operator(pg_catalog.=) 0
                     then pg_catalog.concat('"', pg_catalog.replace(v_part, ',', '%2c'))
                 when v_part operator(pg_catalog.<>) '' then pg_catalog.replace(v_part, ',', ',=')
                 when v_pos operator(pg_catalog.>) 1
                     and v_pos operator(pg_catalog.<) pg_catalog.cardinality(v_parts) then '%22'
            end);
    end loop;
    return pg_catalog.string_to_array(v_text, ',', '=');
end;
$$;
