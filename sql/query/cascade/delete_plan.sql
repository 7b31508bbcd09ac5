-- Forgets a plan, or the mark of one.
-- $1 text      queue name
-- $2 text      plan id
-- Returns nothing.
delete from londiste_rs.plan p
 where p.queue_name = $1::text and p.plan_id = $2::text
