-- Marks the session as one that applies rows of others without session_replication_role = replica.
-- Returns one row: may_replay bool, whether the database honours that for this role.
select pgq._may_replay() as may_replay
  from (select pg_catalog.set_config('londiste_rs.replay', 'on', false) as mark offset 0) s
 where s.mark = 'on'
