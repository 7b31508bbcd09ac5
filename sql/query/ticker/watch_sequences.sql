-- One cheap look at all queues of the database: has anything been numbered, has anybody ticked? Assigns no
-- transaction id, reads no table.
-- $1 oid[]     event sequences
-- $2 oid[]     tick sequences, in the same order
-- Returns one row: event_seqs int8[], tick_seqs int8[] (last value given out, null = never used), snapshot text (of
-- now; the sequences are read after it was taken).
select pg_catalog.array_agg(pg_catalog.pg_sequence_last_value(w.event_seq) order by w.place) as event_seqs,
       pg_catalog.array_agg(pg_catalog.pg_sequence_last_value(w.tick_seq) order by w.place) as tick_seqs,
       pg_catalog.txid_current_snapshot()::text as snapshot
  from rows from (pg_catalog.unnest($1::oid[]), pg_catalog.unnest($2::oid[])) with ordinality
       as w(event_seq, tick_seq, place)
