create or replace function pgq._row_values(i_row text)
returns text[]
language plpgsql immutable strict as $$
-- ----------------------------------------------------------------------
-- Function: pgq._row_values(1)
--
--      Takes apart the text of a row, as PostgreSQL prints rows.
--
-- Parameters:
--      i_row   - text of a row: values in parentheses, separated by commas; nothing for null; in double quotes
--                where needed, with quotes and backslashes inside doubled
--
-- Returns:
--      the values; null for null
--
-- Runs below functions with definer's rights: every name and operator is qualified.
-- ----------------------------------------------------------------------
declare
    v_row pg_catalog.text := pg_catalog.substr(i_row, 2, pg_catalog.length(i_row) operator(pg_catalog.-) 2);
    v_values pg_catalog.text[] := '{}';
    v_value pg_catalog.text;
    v_part pg_catalog.text;
    v_parts pg_catalog.text[];
    v_more pg_catalog.text[];
    v_last integer;
    v_pos integer := 0;
begin
    if pg_catalog.strpos(v_row, '"') operator(pg_catalog.=) 0 then
        if v_row operator(pg_catalog.=) '' then
            return array[null::pg_catalog.text];
        end if;
        return pg_catalog.string_to_array(v_row, ',', '');
    end if;

    -- outside and inside of quotes take turns; nothing outside, but in the middle, is a doubled quote
    v_parts := pg_catalog.string_to_array(pg_catalog.replace(v_row, E'\\\\', E'\\'), '"');
    v_last := pg_catalog.cardinality(v_parts);
    foreach v_part in array v_parts loop
        v_pos := v_pos operator(pg_catalog.+) 1;
        if v_pos operator(pg_catalog.&) 1 operator(pg_catalog.=) 0 then
            v_value := pg_catalog.concat(v_value, v_part);
        elsif v_part operator(pg_catalog.<>) '' then
            v_more := pg_catalog.string_to_array(v_part, ',', '');
            v_values := v_values operator(pg_catalog.||) coalesce(v_value, v_more[1]);
            v_values := v_values operator(pg_catalog.||) v_more[2 : pg_catalog.cardinality(v_more) operator(pg_catalog.-) 1];
            v_value := v_more[pg_catalog.cardinality(v_more)];
        elsif v_pos operator(pg_catalog.>) 1 and v_pos operator(pg_catalog.<) v_last then
            v_value := v_value operator(pg_catalog.||) '"';
        end if;
    end loop;
    return v_values operator(pg_catalog.||) v_value;
end;
$$;
