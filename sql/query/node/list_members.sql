-- The members of a cascade as the database knows them.
-- $1 text      queue name
-- Returns one row per member, by name: node_name text, node_location text, dead bool.
select l.node_name, l.node_location, l.dead
  from pgq_node.get_queue_locations($1::text) l
 order by l.node_name
