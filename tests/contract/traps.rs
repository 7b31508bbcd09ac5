//! Code that runs with its owner's rights uses nothing of its caller's. Callers can put their own functions, operators,
//! types and tables before the server's by search_path; here every such name is a trap, see traps.sql.
//! Run on each version of the server by tests/versions.

use crate::support::Database;

/// Tables with triggers of all kinds, which role pgq_writer may change.
const SETUP: &str = "
    select pgq.create_queue('q');
    create table plain (id int primary key, v text, t timestamptz);
    create table odd (a int, \"B &\" text, w numeric, twice int generated always as (a * 2) stored, d date, j json, x bytea,
        f float8, l int[], gone int, primary key (\"B &\", a));
    alter table odd drop column gone;
    create table magic (id int primary key, v text, _pgq_ev_type text, _pgq_ev_extra1 text);
    create table captured (id int primary key, v text, \"O d\" numeric, t timestamptz, l int[], x bytea);
    do $$
    declare
        f text;
        t text;
    begin
        foreach f in array array['logutriga', 'jsontriga', 'sqltriga'] loop
            foreach t in array array['plain', 'odd', 'magic'] loop
                execute format('create trigger %s after insert or update or delete on %s
                                for each row execute procedure pgq.%1$s(''q'')', f, t);
                execute format('create trigger %s_early before insert or update or delete on %s
                                for each row execute procedure pgq.%1$s(''q'', ''backup'')', f, t);
                execute format('create trigger %s_truncate after truncate on %s
                                for each statement execute procedure pgq.%1$s(''q'')', f, t);
            end loop;
            execute format('create trigger %s_options after insert or update or delete on plain
                            for each row execute procedure pgq.%1$s(''q'', ''backup'', ''ignore=t'', ''pkey=id'',
                                ''ev_extra3=v || id'', ''when=id <> 3'')', f);
        end loop;
    end
    $$;
    select londiste_rs.capture_create('q', 'captured'::regclass, array['INSERT', 'UPDATE', 'DELETE'], null);
    grant select, insert, update, delete, truncate on all tables in schema public to pgq_writer;";

/// What a writer does; himself he names everything with its schema.
const CHANGES: &str = "
    insert into public.plain values (1, 'a,\"b', pg_catalog.now()), (2, null, null), (3, '', null);
    update public.plain set v = 'b';
    update public.plain set v = 'c', t = null;
    update public.plain set id = 11 where id operator(pg_catalog.=) 1;
    delete from public.plain;
    insert into public.odd (a, \"B &\", w, d, j, x, f, l)
        values (1, 'k\\\"', 1.50, '2024-01-01', '{}', '\\x00', 0.1, '{1,NULL}'), (2, '', null, null, null, null, null, null);
    update public.odd set w = 2;
    update public.odd set \"B &\" = 'moved';
    delete from public.odd;
    insert into public.magic values (1, 'a', 'type', 'extra'), (2, null, null, null);
    update public.magic set v = 'b';
    truncate public.plain, public.odd, public.magic;
    insert into public.captured select g, 'v', 1.5, pg_catalog.now(), '{1}', '\\x00' from pg_catalog.generate_series(1, 20) g;
    update public.captured set v = null, \"O d\" = 2;
    update public.captured set id = 30 where id operator(pg_catalog.=) 20;
    delete from public.captured;
    insert into public.captured values (1);
    delete from public.captured;
    select pgq.insert_event('q', 'type', 'data', null, null, null, null);";

/// Works in a database with our schemas and sets the traps; fails when anything falls into one.
#[track_caller]
pub fn check(db: &Database) {
    db.psql(SETUP);
    db.psql(include_str!("traps.sql"));
    let session = "set role pgq_writer; set search_path = traps, pg_catalog, pg_temp;";
    for bait in [
        "select 1 = 1",
        "select now()",
        "select ''::text",
        "select 1 from pg_class",
    ] {
        let error = db
            .try_psql(&format!("{session} {bait}"))
            .expect_err("the traps are set");
        assert!(error.contains("trapped: "), "{bait}: {error}");
    }
    for settings in [
        "",
        "set datestyle = 'SQL, DMY'; set extra_float_digits = 0;",
        "set default_transaction_isolation = 'repeatable read';",
    ] {
        let done = db.try_psql(&format!("{settings} {session} {CHANGES}"));
        assert!(
            done.is_ok(),
            "with the settings \"{settings}\": {}",
            done.unwrap_err()
        );
    }
    let kinds = db.psql("select count(*) from pgq.event_template where ev_type is not null");
    let kinds: u32 = kinds.parse().expect("a number");
    assert!(kinds > 400, "only {kinds} events were written");
}
