-- Gives ticks and events of a restored queue transaction ids of this server.
-- $1 text      queue name
-- Returns one row: missing_txids int8 (so many ids must be given out first, nothing was changed; else 0), ticks int4,
-- events int8 (how many were changed).
select r.missing_txids, r.ticks, r.events
  from londiste_rs.repair_txids($1::text) r
