-- Makes this run the one that carries a plan out; its lock must be held.
-- $1 text      queue name
-- $2 text      plan id
-- $3 text      id of the run
-- $4 text      who runs it
-- Returns one row, none when the plan is gone: plan_id text.
update londiste_rs.plan p
   set runner = $3::text, admin = $4::text, since = pg_catalog.now()
 where p.queue_name = $1::text and p.plan_id = $2::text and p.body is not null
returning p.plan_id
