//! The life of the process: signals, reload, background, reconnecting.

use std::fs;

use nix::sys::signal::Signal;

use super::{LIMIT, Pgqd, install_ours, install_ours_in, run, settings, wait_for_tick_over, without_time};
use crate::support::wait::wait_for;
use crate::support::{Cluster, database};

#[test]
fn interrupt_ends_with_success_and_terminate_with_failure() {
    let db = database("process_end");
    install_ours(&db);
    for (signal, line, status) in [
        (Signal::SIGINT, "Got SIGINT, shutting down", 0),
        (Signal::SIGTERM, "Got SIGTERM, fast exit", 1),
    ] {
        let pgqd = Pgqd::start(&db, "stats_period = 3600");
        pgqd.wait_for_lines("pgq version ok", 1);
        assert_eq!(
            pgqd.lines(),
            [
                format!("LOG Starting pgqd 3.5 (londiste {})", env!("CARGO_PKG_VERSION")),
                format!("LOG [{}]: pgq version ok: 3.5.2", db.name()),
            ]
        );
        let pidfile = pgqd.dir.path().join("pgqd.pid");
        assert!(pidfile.exists());
        let log = pgqd.dir.path().join("pgqd.log");
        pgqd.signal(signal);
        wait_for("the line about the signal", LIMIT, || {
            fs::read_to_string(&log).unwrap().contains(line).then_some(())
        });
        wait_for("the pid file to go", LIMIT, || (!pidfile.exists()).then_some(()));
        assert_eq!(pgqd.end_after_signal(), status);
    }
}

#[test]
fn a_broken_file_at_reload_changes_nothing_and_a_good_one_takes_effect() {
    let db = database("process_reload");
    install_ours(&db);
    db.psql("select pgq.create_queue('q')");
    let pgqd = Pgqd::start(&db, "stats_period = 3600");
    pgqd.wait_for_lines("pgq version ok", 1);
    let good = fs::read_to_string(pgqd.settings()).unwrap();

    fs::write(pgqd.settings(), good.replace("check_period", "chek_period")).unwrap();
    pgqd.signal(Signal::SIGHUP);
    pgqd.wait_for_lines("the old ones stay in force", 1);
    let log = pgqd.lines().split_off(2).join("\n");
    assert_eq!(
        log.replace(&pgqd.dir.path().display().to_string(), "DIR"),
        "LOG Got SIGHUP, re-reading config\n\
         ERROR DIR/pgqd.ini:6: unknown key \"chek_period\"; hint: did you mean \"check_period\"?\n\
         ERROR the settings were not read, the old ones stay in force"
    );
    db.psql("select pgq.insert_event('q', 't', '')");
    wait_for_tick_over(&db, "q");

    // A log file that was moved away is opened anew, and the periods are the new ones.
    fs::rename(pgqd.dir.path().join("pgqd.log"), pgqd.dir.path().join("old.log")).unwrap();
    fs::write(
        pgqd.settings(),
        good.replace("stats_period = 3600", "stats_period = 1"),
    )
    .unwrap();
    pgqd.signal(Signal::SIGHUP);
    pgqd.wait_for_lines("{ticks: ", 2);
    assert_eq!(pgqd.end(Signal::SIGINT), 0);
}

#[test]
fn in_the_background_it_is_reached_by_its_pidfile() {
    let db = database("process_daemon");
    install_ours(&db);
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(
        db.cluster(),
        dir.path(),
        &format!("database_list = {}\nstats_period = 3600", db.name()),
    );
    let settings = settings.to_str().unwrap();
    let log = dir.path().join("pgqd.log");
    let pidfile = dir.path().join("pgqd.pid");
    let lines = || -> Vec<String> {
        fs::read_to_string(&log)
            .unwrap()
            .lines()
            .map(without_time)
            .collect()
    };
    for (option, said, line) in [
        ("-s", "SIGINT sent\n", "LOG Got SIGINT, shutting down"),
        ("-k", "SIGTERM sent\n", "LOG Got SIGTERM, fast exit"),
    ] {
        let _ = fs::remove_file(&log);
        assert_eq!(
            run(&["-d", settings], dir.path()),
            (String::new(), String::new(), 0)
        );
        wait_for("the start in the background", LIMIT, || {
            (log.exists() && lines().iter().any(|line| line.contains("pgq version ok"))).then_some(())
        });
        assert_eq!(run(&["-r", settings], dir.path()).1, "SIGHUP sent\n");
        wait_for("the reload", LIMIT, || {
            lines()
                .contains(&"LOG Got SIGHUP, re-reading config".to_owned())
                .then_some(())
        });
        let (out, err, status) = run(&[option, settings], dir.path());
        assert_eq!((out.as_str(), err.as_str(), status), ("", said, 0));
        wait_for("the end", LIMIT, || (!pidfile.exists()).then_some(()));
        assert!(lines().contains(&line.to_owned()), "{:?}", lines());
    }
}

#[test]
fn a_server_that_restarts_is_found_again_and_told_once() {
    let cluster = Cluster::start();
    cluster.create_database("shop");
    install_ours_in(&cluster, "shop");
    cluster.psql("shop", "select pgq.create_queue('q')");
    let pgqd = Pgqd::start_on(
        &cluster,
        "database_list = shop\nstats_period = 3600\nmaint_period = 3600\nretry_period = 3600",
        env!("CARGO_BIN_EXE_pgqd"),
    );
    pgqd.wait_for_lines("pgq version ok", 1);
    cluster.stop();
    pgqd.wait_for_lines("ERROR shop: ", 1);
    // Several attempts pass before the server is back.
    std::thread::sleep(std::time::Duration::from_millis(3500));
    cluster.start_again();
    pgqd.wait_for_lines("[shop]: recovered after ", 1);
    cluster.psql("shop", "select pgq.insert_event('q', 't', '')");
    wait_for("a tick after the restart", LIMIT, || {
        (cluster.psql("shop", "select ev_new from pgq.get_queue_info('q')") == "0").then_some(())
    });
    let errors: Vec<String> = pgqd
        .lines()
        .into_iter()
        .filter(|line| line.starts_with("ERROR"))
        .collect();
    // The end of the connections, and that no new one can be made; mostly once each, whichever connection tells it.
    assert!((1..=3).contains(&errors.len()), "{errors:#?}");
    assert_eq!(pgqd.end(Signal::SIGINT), 0);
}
