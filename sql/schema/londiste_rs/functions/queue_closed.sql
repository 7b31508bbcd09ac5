-- queue_closed(): trigger function that keeps writers out of the event tables of a root that is handed over. Refused is
-- whose snapshot is older than the transaction that closed the queue, for he would find the queue open, and who sees the
-- queue closed. When the node has become root again it lets everybody pass who sees that.
--
-- Triggers: before insert, for each statement, on pgq.event_<id>_<n>, with the arguments: id of the transaction that
--   closed the queue, name of the queue. They do not fire while session_replication_role is replica; a worker without that
--   role is known by pgq._may_replay.
-- Errors: queue is closed (SQLSTATE 25006, as of a server that is only read).
-- Tables: pgq.queue (read).
create or replace function londiste_rs.queue_closed()
returns trigger as $$
begin
    if pg_catalog.txid_visible_in_snapshot(tg_argv[0]::pg_catalog.int8, pg_catalog.txid_current_snapshot())
       and not exists (
            select 1 from pgq.queue q where q.queue_name = tg_argv[1] and q.queue_disable_insert)
    then
        return null;
    end if;
    -- the ancestor's schema has no such function; its workers are replicas
    if pg_catalog.to_regprocedure('pgq._may_replay()') is not null then
        if pgq._may_replay() then
            return null;
        end if;
    end if;
    raise exception 'queue "%" is closed here: another node becomes its root', tg_argv[1]
        using errcode = '25006',
              hint = 'Connect to the new root and run the transaction again.';
end;
$$ language plpgsql security definer set search_path = pg_catalog, pg_temp;
