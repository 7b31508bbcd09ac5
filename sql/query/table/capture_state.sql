-- How the changes of a table are captured, and what is wrong about it.
-- $1 text      queue name
-- $2 text      local table
-- Returns rows: capture text, state text, advice text.
select s.capture, s.state, s.advice
  from londiste_rs.capture_state($1, $2) s
