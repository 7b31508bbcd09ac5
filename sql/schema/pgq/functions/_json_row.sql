create or replace function pgq._json_row(i_names text[], i_types oid[], i_is_data bool[], i_values text[])
returns text
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq._json_row(4)
--
--      A row as JSON, for pgq.jsontriga(): booleans and integers bare, dates and times in ISO form, everything else
--      as string.
--
-- Parameters:
--      i_names, i_types, i_is_data, i_values
--              - name, type, whether it is wanted, and text (null for null) of each column
--
-- Returns:
--      JSON object without white space
-- ----------------------------------------------------------------------
begin
    return '{' || coalesce((
        select string_agg(to_json(i_names[n.pos])::text || ':' || coalesce(
                   case i_types[n.pos]
                       when 'bool'::regtype then case n.v when 't' then 'true' when 'f' then 'false' end
                       when 'int2'::regtype then n.v
                       when 'int4'::regtype then n.v
                       when 'int8'::regtype then n.v
                       when 'timestamp'::regtype then to_json(n.v::timestamp)::text
                       when 'timestamptz'::regtype then to_json(n.v::timestamptz)::text
                       when 'date'::regtype then to_json(n.v::date)::text
                       else to_json(n.v)::text
                   end, 'null'), ',' order by n.pos)
          from unnest(i_values) with ordinality n (v, pos)
         where i_is_data[n.pos]), '') || '}';
end;
$$;
