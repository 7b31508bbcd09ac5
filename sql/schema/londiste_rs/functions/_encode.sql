create or replace function londiste_rs._encode(i_text text)
returns text
language plpgsql immutable strict parallel safe as $$
-- ----------------------------------------------------------------------
-- Function: londiste_rs._encode(1)
--
--      Encodes a text for an event: letters, digits, "_", "." and "-" stay, space becomes "+", every other byte
--      of the text in UTF-8 becomes "%" and two lower-case hex digits, as in pgq._urlencode().
--
-- Parameters:
--      i_text  - text
--
-- Returns:
--      the encoded text
--
-- Each character is replaced in the whole text at once: texts have few different ones, mostly the same. Texts that
-- have many are taken apart. Runs below functions with definer's rights: every name and operator is qualified.
-- ----------------------------------------------------------------------
declare
    v_text pg_catalog.text := pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(
        pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(
            i_text collate pg_catalog."C", '%', '%25'), '+', '%2b'), ' ', '+'), ',', '%2c'), ':', '%3a'), '/', '%2f'),
        '@', '%40'), '&', '%26');
    v_char pg_catalog.text;
    v_todo integer := 8;
    -- readers take the bytes for UTF-8; of text in SQL_ASCII nobody knows the encoding
    v_encoding pg_catalog.name;
begin
    loop
        v_char := pg_catalog.substring(v_text collate pg_catalog."C", '[^A-Za-z0-9_.%+-]');
        exit when v_char is null;
        v_encoding := case when pg_catalog.getdatabaseencoding() operator(pg_catalog.=) 'SQL_ASCII'
                           then 'SQL_ASCII' else 'UTF8' end;
        if v_todo operator(pg_catalog.=) 0 then
            return (
                select pg_catalog.string_agg(
                    case when c.x collate pg_catalog."C" operator(pg_catalog.~) '[A-Za-z0-9_.%+-]' then c.x
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
