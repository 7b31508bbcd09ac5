-- The versions of the schemas that are ours.
-- Returns one row per schema: schema_name text, version text.
select c.schema_name, c.version
  from londiste_rs.component c
