create or replace function pgq_coop.next_batch(i_queue_name text, i_consumer_name text, i_subconsumer_name text)
returns int8
language plpgsql as $$
-- ----------------------------------------------------------------------
-- Function: pgq_coop.next_batch(3)
--
--      Opens the next batch of a member.
--      See pgq_coop.next_batch_custom(7).
-- ----------------------------------------------------------------------
begin
    return pgq_coop.next_batch_custom(i_queue_name, i_consumer_name, i_subconsumer_name, null, null, null, null);
end;
$$;

create or replace function pgq_coop.next_batch(
    i_queue_name text, i_consumer_name text, i_subconsumer_name text, i_dead_interval interval)
returns int8
language plpgsql as $$
-- ----------------------------------------------------------------------
-- Function: pgq_coop.next_batch(4)
--
--      Opens the next batch of a member, or takes over that of a dead one.
--      See pgq_coop.next_batch_custom(7).
-- ----------------------------------------------------------------------
begin
    return pgq_coop.next_batch_custom(i_queue_name, i_consumer_name, i_subconsumer_name, null, null, null, i_dead_interval);
end;
$$;
