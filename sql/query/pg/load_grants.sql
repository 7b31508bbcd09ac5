-- What others than the owner may do with a table and with single columns of it.
-- $1 oid       table
-- Returns rows: grantee (null = PUBLIC), privilege, is_grantable, column_name (null = the whole table).
select g.grantee, g.privilege, g.is_grantable, g.column_name
  from (select c.relowner as owner, x.grantee as grantee_oid,
               case when x.grantee <> 0 then pg_catalog.pg_get_userbyid(x.grantee)::text end as grantee,
               x.privilege_type as privilege, x.is_grantable, null::text as column_name, 0::int2 as position
          from pg_catalog.pg_class c
          cross join lateral pg_catalog.aclexplode(c.relacl) x
         where c.oid = $1::oid
        union all
        select c.relowner, x.grantee,
               case when x.grantee <> 0 then pg_catalog.pg_get_userbyid(x.grantee)::text end,
               x.privilege_type, x.is_grantable, a.attname::text, a.attnum
          from pg_catalog.pg_class c
          join pg_catalog.pg_attribute a on a.attrelid = c.oid and not a.attisdropped
          cross join lateral pg_catalog.aclexplode(a.attacl) x
         where c.oid = $1::oid) g
 where g.grantee_oid <> g.owner
 order by g.position, g.grantee, g.privilege
