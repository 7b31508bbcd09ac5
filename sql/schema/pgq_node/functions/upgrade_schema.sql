-- upgrade_schema(0): adds what older versions of the tables lack. May be run at any time.
--
-- Returns: 0.
-- Tables: pgq_node.node_info (alter, when node_attrs is missing).
create or replace function pgq_node.upgrade_schema()
returns int4 as $$
begin
    perform 1 from pg_catalog.pg_attribute a
        where a.attrelid = 'pgq_node.node_info'::regclass
          and a.attname = 'node_attrs'
          and not a.attisdropped;
    if not found then
        alter table pgq_node.node_info add column node_attrs text;
    end if;
    return 0;
end;
$$ language plpgsql;
