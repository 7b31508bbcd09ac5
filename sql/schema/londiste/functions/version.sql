-- version(0): the version of londiste's schema whose contract this schema keeps.
--
-- Returns: text.
create or replace function londiste.version()
returns text as $$
begin
    return '3.8';
end;
$$ language plpgsql;
