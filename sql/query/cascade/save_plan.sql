-- Stores how far a plan has come, as long as this run is the one that carries it out.
-- $1 text      queue name
-- $2 text      plan id
-- $3 text      id of the run
-- $4 text      the plan
-- Returns one row, none when another run has taken the plan over or it is gone: plan_id text.
update londiste_rs.plan p
   set body = $4::text
 where p.queue_name = $1::text and p.plan_id = $2::text and p.runner = $3::text
returning p.plan_id
