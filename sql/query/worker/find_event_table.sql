-- The event table of a queue that this transaction may write to, and how the role may do it.
-- $1 text      queue name
-- Returns one row: event_table text (schema dot table, unquoted), may_copy bool (the role may write to the table),
-- has_function bool (londiste_rs.insert_events is there and may be called).
select t.name as event_table,
       coalesce(pg_catalog.has_table_privilege(
           pg_catalog.to_regclass(pg_catalog.quote_ident(pg_catalog.split_part(t.name, '.', 1)) || '.'
               || pg_catalog.quote_ident(pg_catalog.substr(t.name, pg_catalog.strpos(t.name, '.') + 1))), 'insert'), true) as may_copy,
       coalesce(pg_catalog.has_function_privilege(pg_catalog.to_regprocedure(
           'londiste_rs.insert_events(text,int8[],text[],text[],text[],text[],text[],text[],text[])'), 'execute'),
           false) as has_function
  from pgq.current_event_table($1::text) t (name)
