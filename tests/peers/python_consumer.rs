//! python3-pgq's consumer on our queue: events of each trigger format, retry, table filter.

use std::process::Command;
use std::time::Duration;

use super::{Ours, clean_environment, debians, londiste};
use crate::support::database;
use crate::support::process::Process;
use crate::support::wait::wait_for;

const SCRIPT: &str = r#"
import sys
import pgq

class Reader(pgq.Consumer):
    """Writes what it gets into a file; asks for each event once more that says so."""
    def process_event(self, db, ev):
        if ev.ev_type == 'again' and ev.retry is None:
            ev.tag_retry(1)
            return
        with open(self.cf.get('output'), 'a') as out:
            out.write('|'.join(str(x) for x in (ev.ev_type, ev.ev_data, ev.ev_extra1, ev.ev_extra2)) + '\n')

Reader('reader', 'db', sys.argv[1:]).start()
"#;

#[test]
fn reads_our_queue() {
    let dir = tempfile::tempdir().expect("make a directory");
    let db = database("python_reader");
    let output = clean_environment(londiste(Ours).arg("install").arg(db.connstr()))
        .output()
        .expect("run londiste");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    db.psql("select pgq.create_queue('q'); create table t (id int primary key, v text);
        create trigger u after insert or update or delete on t for each row execute procedure pgq.logutriga('q', 'backup');
        create trigger j after insert on t for each row execute procedure pgq.jsontriga('q');
        create trigger q after insert on t for each row execute procedure pgq.sqltriga('q');
        create trigger r after truncate on t for each statement execute procedure pgq.logutriga('q');");
    let (script, ini, out) = (
        dir.path().join("reader.py"),
        dir.path().join("reader.ini"),
        dir.path().join("events"),
    );
    std::fs::write(&script, SCRIPT).expect("write the script");
    std::fs::write(
        &ini,
        format!(
            "[reader]\njob_name = reader\nqueue_name = q\ndb = {}\npidfile = {}\nlogfile = {}\nloop_delay = 0.1\noutput = {}\n",
            db.connstr(),
            dir.path().join("reader.pid").display(),
            dir.path().join("reader.log").display(),
            out.display()
        ),
    )
    .expect("write the job file");
    let python = |args: &[&str]| -> Command {
        let mut command = debians("/usr/bin/python3", "python3-pgq");
        command.arg(&script).arg(&ini).args(args);
        command
    };
    let mut register = python(&["--register"]);
    let output = clean_environment(&mut register).output().expect("run python3");
    assert!(
        output.status.success(),
        "{}\nhint: install the package python3-pgq",
        String::from_utf8_lossy(&output.stderr)
    );
    db.psql(
        "insert into t values (1, 'a b&%ö'), (2, null); update t set v = 'x' where id = 1; \
             update t set id = 3 where id = 2; delete from t where id = 1; truncate t; \
             select pgq.insert_event('q', 'again', 'later');",
    );
    let _ticker = super::start_ticker(Ours, &db, dir.path());
    let reader = Process::spawn("python reader", python(&[]), &dir.path().join("reader.out"));
    let expected = [
        "I:id|id=1&v=a+b%26%25%c3%b6|public.t|None",
        r#"{"op":"INSERT","table":["public","t"],"pkey":["id"]}|{"id":1,"v":"a b&%ö"}|public.t|None"#,
        "I|(id,v) values ('1','a b&%ö')|public.t|None",
        "I:id|id=2&v|public.t|None",
        r#"{"op":"INSERT","table":["public","t"],"pkey":["id"]}|{"id":2,"v":null}|public.t|None"#,
        "I|(id,v) values ('2',null)|public.t|None",
        "U:id|id=1&v=x|public.t|id=1&v=a+b%26%25%c3%b6",
        "D:id|id=2&v|public.t|None",
        "I:id|id=3&v|public.t|None",
        "D:id|id=1&v=x|public.t|None",
        "R||public.t|None",
        "again|later|None|None",
    ];
    let mut events = String::new();
    wait_for(
        "the event that was asked for again",
        Duration::from_secs(60),
        || {
            events = std::fs::read_to_string(&out).unwrap_or_default();
            events.contains("again|").then_some(())
        },
    );
    let mut events: Vec<&str> = events.lines().collect();
    let mut expected = expected.to_vec();
    // Triggers of one row fire in the order of their names: j, q, u.
    events.sort_unstable();
    expected.sort_unstable();
    assert_eq!(events, expected, "{}", reader.log());
    let log = reader.log();
    assert!(!log.contains("ERROR") && !log.contains("Traceback"), "{log}");
}
