//! Installing over what is there: our own earlier versions, the ancestor's plain SQL, its extensions.

use std::process::Command;

use super::schema;
use crate::support::ancestor::create_extensions;
use crate::support::cascade::LIMIT;
use crate::support::process::clean_environment;
use crate::support::wait::wait_for;
use crate::support::{Database, assert_same_text, database, install};

/// The ancestor's schemas as its plain SQL files make them: objects that belong to no extension.
fn make_plain(db: &Database) {
    create_extensions(db);
    db.psql(
        "do $$
         declare r record;
         begin
             for r in
                 select e.extname, o.type, o.identity
                   from pg_extension e
                   join pg_depend d on d.refclassid = 'pg_extension'::regclass and d.refobjid = e.oid and d.deptype = 'e'
                  cross join lateral pg_identify_object(d.classid, d.objid, 0) o
                  where e.extname in ('pgq', 'pgq_node', 'londiste') and o.type <> 'type'
             loop
                 execute format('alter extension %s drop %s %s', r.extname, r.type, r.identity);
             end loop;
         end $$;
         drop extension londiste; drop extension pgq_node; drop extension pgq",
    );
}

/// A queue in use: a batch open, events waiting to be retried, a trigger, a node.
const LIFE: &str = "
    select pgq.create_queue('q'), pgq.create_queue('Odd \"queue\"');
    select pgq.register_consumer('q', 'c'), pgq.register_consumer('q', 'behind');
    create table t (id int primary key, v text);
    create trigger events after insert or update or delete on t for each row execute procedure pgq.logutriga('q', 'backup');
    create trigger json_events after insert or update or delete on t for each row execute procedure pgq.jsontriga('q');
    create trigger sql_events after insert or update or delete on t for each row execute procedure pgq.sqltriga('q');
    insert into t values (1, 'a');
    select pgq.ticker('q', 2, now(), 5) from pgq.set_queue_config('q', 'external_ticker', 'true');
    select pgq.set_queue_config('q', 'external_ticker', 'false');
    select pgq.event_retry(pgq.next_batch('q', 'c'), 1, 0);
    select * from pgq_node.register_location('q', 'n', 'dbname=n', false);
    select * from pgq_node.create_node('q', 'root', 'n', 'n_worker', null, null, null);
    select * from londiste.local_add_table('q', 'public.t', array['tgflags=']);
    update t set v = 'b';
    insert into t values (2, 'c');";

/// What must not change.
const STATE: &str = "
    select c.* from (
        select 'queue ' || to_jsonb(q)::text from pgq.queue q
        union all select 'tick ' || to_jsonb(t)::text from pgq.tick t
        union all select 'sub ' || to_jsonb(s)::text from pgq.subscription s
        union all select 'retry ' || to_jsonb(r)::text from pgq.retry_queue r
        union all select 'event ' || tableoid::regclass || to_jsonb(e)::text from pgq.event_template e
        union all select 'node ' || to_jsonb(n)::text from pgq_node.node_info n
        union all select 'place ' || to_jsonb(n)::text from pgq_node.node_location n
        union all select 'state ' || to_jsonb(n)::text from pgq_node.local_state n
        union all select 'table ' || to_jsonb(n)::text from londiste.table_info n
    ) c (line) order by 1";

fn londiste(args: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_londiste"));
    let output = clean_environment(command.args(args))
        .output()
        .expect("run londiste");
    (
        output.status.success(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

/// The queue goes on where it stood: the open batch, the retried event, the triggers, rotation.
fn check_life(db: &Database) {
    db.psql("update t set v = 'd' where id = 1; delete from t where id = 2");
    let events = "select ev_type, ev_data, ev_extra1, coalesce(ev_retry, 0) from pgq.get_batch_events(pgq.next_batch('q', 'c'))";
    assert_eq!(db.psql(&format!("select count(*) from ({events}) e")), "3");
    db.psql("select pgq.finish_batch(pgq.next_batch('q', 'c')); select pgq.maint_retry_events()");
    db.psql("update pgq.queue set queue_ticker_max_count = 1");
    db.psql("select pgq.ticker('q')");
    let read = db.psql(events);
    assert!(read.contains("I:id|id=1&v=a|public.t|1"), "{read}");
    assert!(read.contains("U:id|id=1&v=d|public.t|0"), "{read}");
    assert!(read.contains("D|id='2'|public.t|0"), "{read}");
    let read_all = "do $$
         declare c text;
         begin
             for c in select consumer_name from pgq.get_consumer_info('q') loop
                 while pgq.finish_batch(pgq.next_batch('q', c)) = 1 loop null; end loop;
             end loop;
         end $$";
    // Transactions of other databases on the server hold rotation up, too.
    wait_for("two rotations", LIMIT, || {
        db.psql("select pgq.insert_event('q', 'x', 'y'); select pgq.ticker('q')");
        db.psql(read_all);
        db.psql("update pgq.queue set queue_switch_time = '-infinity'");
        db.psql("select pgq.maint_rotate_tables_step1('q')");
        db.psql("select pgq.maint_rotate_tables_step2()");
        (db.psql("select queue_cur_table from pgq.queue where queue_name = 'q'") == "2").then_some(())
    });
    assert_eq!(db.psql("select pgq.create_queue('new')"), "1");
    assert_eq!(db.psql("select ret_code from pgq_node.get_node_info('q')"), "100");
}

/// Without the tables of single queues, which the pinned text has not.
fn schema_text(db: &Database) -> String {
    let mut text = String::new();
    let mut inside = false;
    for line in schema::text(db).lines() {
        if !line.starts_with(' ') {
            inside = line.starts_with("table pgq.event_") && line != "table pgq.event_template"
                || line.starts_with("sequence pgq.event_");
        }
        if !inside {
            text += line;
            text += "\n";
        }
    }
    text
}

#[test]
fn plain_schemas_are_taken_over_with_everything_in_them() {
    let db = database("takeover");
    make_plain(&db);
    db.psql(LIFE);
    let state = db.psql(STATE);

    // Only when asked for.
    let said = install(&db);
    assert!(
        said.contains("Installing londiste_rs") && said.contains("INFO pgq is installed"),
        "{said}"
    );
    assert_eq!(db.psql("select pgq.version() is null"), "t");
    let (ok, said) = londiste(&["install", "--take-over", &db.connstr()]);
    assert!(
        ok && said.contains("Taking over pgq\n") && said.contains("Taking over londiste\n"),
        "{said}"
    );
    assert_eq!(db.psql("select pgq.version()"), "3.5.2");
    assert_same_text("what was in the database", &state, &db.psql(STATE));
    assert_same_text("the schema", include_str!("schema.txt"), &schema_text(&db));
    let (ok, said) = londiste(&["install", "--take-over", &db.connstr()]);
    assert!(ok && said.contains("Nothing to do"), "{said}");
    check_life(&db);
}

#[test]
fn tables_of_earlier_versions_get_their_columns() {
    let db = database("takeover_older");
    make_plain(&db);
    db.psql(LIFE);
    // As 3.0 and 3.1 had them; functions with fewer columns in their answers.
    db.psql(
        "alter table pgq.queue drop column queue_extra_maint, drop column queue_per_tx_limit,
             drop column queue_disable_insert, drop column queue_ticker_paused;
         alter table pgq.subscription alter column sub_last_tick set not null;
         alter table pgq.tick alter column tick_event_seq drop not null;
         alter table pgq.retry_queue drop column ev_queue;
         drop function pgq.get_queue_info(); drop function pgq.get_queue_info(text);
         create function pgq.get_queue_info(out queue_name text, out queue_ntables int4) returns setof record
             language sql as 'select queue_name, queue_ntables from pgq.queue';
         create function pgq.mine() returns int language sql as 'select 1'",
    );
    let (ok, said) = londiste(&["install", "--take-over", &db.connstr()]);
    assert!(ok, "{said}");
    let found = schema_text(&db);
    for line in include_str!("schema.txt").lines() {
        // What may be null in databases that come from 2.1.
        let expected = line.replace("tick_event_seq bigint not null", "tick_event_seq bigint");
        assert!(found.lines().any(|l| l == expected), "{line}");
    }
    assert_eq!(
        db.psql("select pgq.mine()"),
        "1",
        "what users have put there stays"
    );
    assert_eq!(db.psql("select ev_queue from pgq.retry_queue"), "1");
    check_life(&db);
}

#[test]
fn extensions_stay_untouched() {
    let db = database("takeover_extension");
    create_extensions(&db);
    let before = db.psql("select md5(string_agg(prosrc, '' order by oid)) from pg_proc");
    let before_ours = schema_text(&db);
    let (ok, said) = londiste(&["install", "--take-over", &db.connstr()]);
    assert!(
        ok && said.contains("INFO pgq is installed") && !said.contains("Taking over"),
        "{said}"
    );
    let of = "select md5(string_agg(prosrc, '' order by oid)) from pg_proc where pronamespace not in \
              (select oid from pg_namespace where nspname in ('londiste_rs', 'pgq_ext', 'pgq_coop')) and proname <> 'logtriga'";
    assert_eq!(db.psql(of), before);
    for line in before_ours.lines() {
        assert!(schema_text(&db).contains(line), "{line}");
    }
}
