-- Registers a node as reader of this one: its worker and its watermark keep events here from now on.
-- $1 text      queue name
-- $2 text      subscriber node
-- $3 text      its worker
-- $4 int8      tick where it starts, null = the global watermark
-- Returns one row: ret_code int4, ret_note text, global_watermark int8.
select r.ret_code, r.ret_note, r.global_watermark
  from pgq_node.register_subscriber($1::text, $2::text, $3::text, $4::int8) r
