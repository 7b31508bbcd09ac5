create or replace function londiste_rs._capture_signature(i_table oid)
returns text
language plpgsql strict set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: londiste_rs._capture_signature(1)
--
--      Digest of everything of a table that the generated code was made for: its name, columns, key, and its
--      place among partitions and inheriting tables.
--
-- Parameters:
--      i_table - table
--
-- Returns:
--      the digest; null when there is no such table
--
-- Volatile on purpose: it looks with a snapshot of its own. The snapshot of the statement that the planner works for
-- may be older than its lock on the table: COPY and EXECUTE take it before they wait for the lock.
-- ----------------------------------------------------------------------
begin
    return (
        select md5(concat_ws('|', n.nspname, c.relname, c.relkind, c.relispartition,
                   exists (select 1 from pg_inherits h where h.inhrelid = c.oid or h.inhparent = c.oid),
                   (select string_agg(concat_ws(':', a.attnum, quote_ident(a.attname), a.atttypid, a.attgenerated), ','
                                      order by a.attnum)
                      from pg_attribute a
                     where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
                   (select i.indkey::text || ':' || i.indnkeyatts
                      from pg_index i
                     where i.indrelid = c.oid and i.indisprimary)))
          from pg_class c
          join pg_namespace n on n.oid = c.relnamespace
         where c.oid = i_table);
end;
$$;

create or replace function londiste_rs._capture_current(i_table oid, i_signature text)
returns bool
language plpgsql immutable strict set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: londiste_rs._capture_current(2)
--
--      Tells whether generated code still fits its table.
--
-- Parameters:
--      i_table     - table
--      i_signature - digest at the time when the code was made
--
-- Returns:
--      true or false
--
-- Called immutable on purpose: the planner computes it once and keeps the result in the cached plan. That plan names
-- the table (a constant of type regclass will do), so it is thrown away whenever the table changes in any way, and
-- the question is asked again: a check on each statement that costs nothing. Only planned under READ COMMITTED, where
-- the planner's view of the catalogue is at least as new as the lock on the table.
-- ----------------------------------------------------------------------
begin
    return londiste_rs._capture_signature(i_table) is not distinct from i_signature;
end;
$$;

create or replace function londiste_rs._capture_has_queue(i_events oid, i_queue_id int4)
returns bool
language plpgsql immutable strict set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: londiste_rs._capture_has_queue(2)
--
--      Tells whether the queue that generated code was made for is still there.
--
-- Parameters:
--      i_events    - first event table of the queue
--      i_queue_id  - its id; a queue that was dropped and created again has another one
--
-- Returns:
--      true or false
--
-- Called immutable on purpose, as londiste_rs._capture_current(): the plan names the event table, so it is thrown away
-- when that is dropped.
-- ----------------------------------------------------------------------
begin
    return londiste_rs._capture_find_queue(i_events, i_queue_id);
end;
$$;

create or replace function londiste_rs._capture_find_queue(i_events oid, i_queue_id int4)
returns bool
language plpgsql strict set search_path = pg_catalog, pg_temp as $$
-- ----------------------------------------------------------------------
-- Function: londiste_rs._capture_find_queue(2)
--
--      As londiste_rs._capture_has_queue(), with a snapshot of its own.
-- ----------------------------------------------------------------------
begin
    return exists (
        select 1
          from pgq.queue q
          join pg_class c on c.oid = i_events
          join pg_namespace n on n.oid = c.relnamespace
         where q.queue_id = i_queue_id
           and n.nspname || '.' || c.relname = q.queue_data_pfx || '_0');
end;
$$;
