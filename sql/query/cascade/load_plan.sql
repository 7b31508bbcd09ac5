-- The plan, or the mark of one, that is recorded in this database.
-- $1 text      queue name
-- Returns at most one row: plan_id text, home_node text, command text, admin text, since text, runner text, body text (null = this
-- is a mark, the plan is on home_node).
select p.plan_id, p.home_node, p.command, p.admin, p.since::timestamptz(0)::text as since, p.runner, p.body
  from londiste_rs.plan p
 where p.queue_name = $1::text
