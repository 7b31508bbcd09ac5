create or replace function public.logtriga()
returns trigger
language plpgsql as $$
-- ----------------------------------------------------------------------
-- Function: public.logtriga(0)
--
--      Trigger that hands row changes to a query, as parts of SQL statements. For use as AFTER INSERT OR UPDATE OR
--      DELETE FOR EACH ROW. It knows nothing of queues: the query says where the changes go.
--
-- Parameters (of the trigger):
--      column_types    - one letter per column of the table: k key, v value, i ignored
--      query           - what to run for each changed row, with two parameters of type text:
--                        $1  I, U or D
--                        $2  I: (c1,c2) values ('v1',null)     U: c2='v2',c3=NULL where c1='v1'     D: c1='v1'
--                        An update of nothing sets its first key column to itself; one of ignored columns only is
--                        not handed over. An update of the key looks for the old one.
--
-- Errors:
--      logtriga must be used as: logtriga(column_types, query)
--      logtriga must be fired FOR EACH ROW
--      those of londiste_rs._change_sql(), and of the query
--
-- The query runs with the rights and the search_path of whoever changes the row.
-- ----------------------------------------------------------------------
declare
    v_data pg_catalog.text;
begin
    if TG_LEVEL operator(pg_catalog.<>) 'ROW' then
        raise exception 'logtriga must be fired FOR EACH ROW';
    end if;
    if TG_NARGS operator(pg_catalog.<>) 2 then
        raise exception 'logtriga must be used as: logtriga(column_types, query)'
            using errcode = 'invalid_parameter_value',
                  detail = pg_catalog.format('trigger %s of table %s.%s has %s arguments',
                                             TG_NAME, TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_NARGS);
    end if;

    if TG_OP operator(pg_catalog.=) 'INSERT' then
        v_data := londiste_rs._change_sql(TG_OP, TG_RELID, TG_ARGV[0], NEW, NEW);
    elsif TG_OP operator(pg_catalog.=) 'UPDATE' then
        v_data := londiste_rs._change_sql(TG_OP, TG_RELID, TG_ARGV[0], NEW, OLD);
    else
        v_data := londiste_rs._change_sql(TG_OP, TG_RELID, TG_ARGV[0], OLD, OLD);
    end if;
    if v_data is not null then
        execute TG_ARGV[1] using pg_catalog.substr(TG_OP, 1, 1), v_data;
    end if;

    if TG_OP operator(pg_catalog.=) 'DELETE' then
        return OLD;
    end if;
    return NEW;
end;
$$;
