-- Ends the subscription of a consumer, if there is one.
-- $1 text      queue name
-- $2 text      consumer name
-- Returns one row per subscription that was ended: gone int4.
select pgq.unregister_consumer($1::text, c.consumer_name) as gone
  from pgq.get_consumer_info($1::text, $2::text) c
