-- Records a plan, or the mark of one, unless another one is recorded.
-- $1 text      queue name
-- $2 text      plan id
-- $3 text      node that has the plan
-- $4 text      command
-- $5 text      who runs it
-- $6 text      id of the run, null in a mark
-- $7 text      the plan, null in a mark
-- Returns one row when it was recorded: plan_id text.
insert into londiste_rs.plan as p (queue_name, plan_id, home_node, command, admin, runner, body)
values ($1::text, $2::text, $3::text, $4::text, $5::text, $6::text, $7::text)
    on conflict (queue_name) do update set body = p.body
         where p.plan_id = excluded.plan_id
returning p.plan_id
