create or replace function pgq._foreign_txids(i_queue_name text, i_what text)
returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: pgq._foreign_txids(2)
--
--      Refuses to go on with a queue whose ticks have transaction ids that this server has not given out yet, and
--      names the repair.
--
-- Parameters:
--      i_queue_name    - queue
--      i_what          - what was found
--
-- Errors:
--      always, with the SQLSTATE of object_not_in_prerequisite_state
-- ----------------------------------------------------------------------
begin
    raise exception '%', i_what
        using errcode = 'object_not_in_prerequisite_state',
              detail = format('queue "%s" comes from a server that had counted transactions further', i_queue_name),
              hint = format('repair it by: londiste queue repair "%s"; or: select * from londiste_rs.repair_txids(%L)',
                            i_queue_name, i_queue_name);
end;
$$;
