create or replace function pgq._urlencode_rest(i_text text)
returns text
language plpgsql immutable strict as $$
-- ----------------------------------------------------------------------
-- Function: pgq._urlencode_rest(1)
--
--      Second half of pgq._urlencode_row(): encodes all but what is safe, commas, double quotes, "%" and "+".
--
--      Each character is replaced in the whole text at once: texts have few different ones. Texts that have many
--      are taken apart.
--
-- Parameters:
--      i_text  - text in which "%", "+", space and ":" are encoded already
--
-- Returns:
--      the encoded text
--
-- Runs below functions with definer's rights: every name and operator is qualified.
-- ----------------------------------------------------------------------
declare
    v_text pg_catalog.text := i_text;
    v_char pg_catalog.text;
    v_todo integer := 16;
    -- readers take the bytes for UTF-8; of text in SQL_ASCII nobody knows the encoding
    v_encoding pg_catalog.name := case when pg_catalog.getdatabaseencoding() operator(pg_catalog.=) 'SQL_ASCII'
                                       then 'SQL_ASCII' else 'UTF8' end;
begin
    loop
        v_char := pg_catalog.substring(v_text, '[^A-Za-z0-9_.,"%+-]' collate pg_catalog."C");
        exit when v_char is null;
        if v_todo operator(pg_catalog.=) 0 then
            return (
                select pg_catalog.string_agg(
                    case when c.x operator(pg_catalog.~) '[A-Za-z0-9_.,"%+-]' collate pg_catalog."C" then c.x
                         else pg_catalog.regexp_replace(
                             pg_catalog.encode(
                                 pg_catalog.convert_to(c.x, v_encoding), 'hex'),
                             '(..)', E'%\\1', 'g')
                    end, '' order by c.pos)
                  from pg_catalog.unnest(pg_catalog.string_to_array(v_text, null)) with ordinality c (x, pos));
        end if;
        v_text := pg_catalog.replace(v_text, v_char, pg_catalog.regexp_replace(
            pg_catalog.encode(pg_catalog.convert_to(v_char, v_encoding), 'hex'),
            '(..)', E'%\\1', 'g'));
        v_todo := v_todo operator(pg_catalog.-) 1;
    end loop;
    return v_text;
end;
$$;
