-- Whether tables are replicated here at all.
-- Returns one row: there bool.
select pg_catalog.to_regprocedure('londiste.get_table_list(text)') is not null as there
