-- The foreign keys between tables that are attached on this node: those in force, and those that the worker has taken off
-- and will put back.
-- $1 text      queue name
-- Returns rows: from_table, to_table, fkey_name, state (active, not valid, pending).
with attached as (
    select distinct coalesce(t.dest_table, t.table_name) as name
      from londiste.table_info t
     where t.queue_name = $1::text
       and t.local
), active as (
    select fn.nspname || '.' || fc.relname as from_table, tn.nspname || '.' || tc.relname as to_table,
           c.conname::text as fkey_name, case when c.convalidated then 'active' else 'not valid' end as state
      from pg_catalog.pg_constraint c
      join pg_catalog.pg_class fc on fc.oid = c.conrelid
      join pg_catalog.pg_namespace fn on fn.oid = fc.relnamespace
      join pg_catalog.pg_class tc on tc.oid = c.confrelid
      join pg_catalog.pg_namespace tn on tn.oid = tc.relnamespace
     where c.contype = 'f'
)
select a.from_table, a.to_table, a.fkey_name, a.state
  from active a
 where (a.from_table in (select name from attached) or a.to_table in (select name from attached))
   and not exists (select 1 from londiste.pending_fkeys p
                    where p.from_table = a.from_table and p.fkey_name = a.fkey_name)
 union all
select p.from_table, p.to_table, p.fkey_name, 'pending'
  from londiste.pending_fkeys p
 where p.from_table in (select name from attached)
    or p.to_table in (select name from attached)
 order by 1, 3
