-- Puts an event aside.
-- $1 text      queue name
-- $2 text      table name
-- $3 int8      tick at the end of its batch
-- $4 text      row key
-- $5 int8      event id
-- $6 text      event time
-- $7 int8      transaction id
-- $8 text      type
-- $9 text      data
-- $10 text     extra1
-- $11 text     extra2
-- $12 text     extra3
-- $13 text     extra4
-- $14 text     sqlstate of the failure
-- $15 text     reason
insert into londiste_rs.parked_event (queue_name, table_name, tick_id, row_key, ev_id, ev_time, ev_txid, ev_type,
                                      ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4, sqlstate, reason)
values ($1::text, $2::text, $3::int8, $4::text, $5::int8, ($6::text)::timestamptz, $7::int8, $8::text, $9::text,
        $10::text, $11::text, $12::text, $13::text, $14::text, $15::text)
