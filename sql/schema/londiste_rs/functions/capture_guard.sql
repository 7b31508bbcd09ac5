create or replace function londiste_rs.capture_guard()
returns trigger
language plpgsql as $$
-- ----------------------------------------------------------------------
-- Function: londiste_rs.capture_guard(0)
--
--      Trigger that never fires, FOR EACH ROW WHEN (false), of tables that are captured by statement. Because it has a
--      transition table PostgreSQL refuses to make the table a partition or an inheriting table: changes through the
--      parent would not fire statement triggers and be lost. Give such a table capture by row first.
-- ----------------------------------------------------------------------
begin
    return null;
end;
$$;
