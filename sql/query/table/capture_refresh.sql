-- Makes the triggers of a table again, where the table was changed or another way of capture is asked for.
-- $1 text      queue name
-- $2 text      local table
-- $3 text      auto, statement, row, ancestor; null: as it is captured now
-- Returns rows: capture text, changed bool, reason text.
select r.capture, r.changed, r.reason
  from londiste_rs.capture_refresh($1, $2, $3) r
