-- The maintenance that is due in this database, in order.
-- Returns: func_name text, func_arg text (null = the function takes none).
select o.func_name::text as func_name, o.func_arg::text as func_arg
  from pgq.maint_operations() o
