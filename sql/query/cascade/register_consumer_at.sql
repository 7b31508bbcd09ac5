-- Registers a consumer, or moves it to another position.
-- $1 text      queue name
-- $2 text      consumer name
-- $3 int8      tick after which it starts
-- Returns one row: is_new int4.
select pgq.register_consumer_at($1::text, $2::text, $3::int8) as is_new
