-- Makes the triggers of a table again, where the table was changed or another way of capture is asked for.
--   $1 queue  $2 local table  $3 auto, statement, row, ancestor; null: as it is captured now
select r.capture, r.changed, r.reason
  from londiste_rs.capture_refresh($1, $2, $3) r
