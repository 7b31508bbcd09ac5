-- What the schemas of a node say of themselves: the ancestor's version, or the one whose contract ours keep.
-- Returns one row: pgq text, pgq_node text.
select pgq.version() as pgq, pgq_node.version() as pgq_node
