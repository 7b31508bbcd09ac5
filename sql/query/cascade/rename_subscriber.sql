-- Gives a subscriber of this node another name. Its location under that name, and its watermark's consumer, must be here.
-- $1 text      queue name
-- $2 text      old name
-- $3 text      new name
-- $4 text      name of its watermark from now on
-- $5 text      name of the consumer that it reads with from now on
-- Returns nothing. Locks the subscriber's row.
update pgq_node.subscriber_info s
   set subscriber_node = $3::text, watermark_name = $4::text, worker_name = $5::text
 where s.queue_name = $1::text and s.subscriber_node = $2::text
