-- How the changes of a table are captured, and what is wrong about it.
--   $1 queue  $2 local table
select s.capture, s.state, s.advice
  from londiste_rs.capture_state($1, $2) s
