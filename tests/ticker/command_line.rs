//! The command line of pgqd: output, complaints and exit statuses.

use std::fs;

use super::run;

fn stripped(text: &str, dir: &std::path::Path) -> String {
    text.replace(&dir.display().to_string(), "DIR")
}

#[test]
fn without_settings_it_says_what_it_needs() {
    let dir = tempfile::tempdir().unwrap();
    let (out, err, status) = run(&[], dir.path());
    assert_eq!(out, "");
    assert_eq!(
        err,
        "pgqd requires config file\nhint: pgqd --ini prints a sample, packages put it at /etc/pgqd.ini\n"
    );
    assert_eq!(status, 1);
}

#[test]
fn version_and_sample() {
    let dir = tempfile::tempdir().unwrap();
    let (out, err, status) = run(&["-V"], dir.path());
    assert_eq!(
        out,
        format!("pgqd version 3.5 (londiste {})\n", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!((err.as_str(), status), ("", 0));
    let (out, _, status) = run(&["--ini"], dir.path());
    assert_eq!(out, londiste::config::pgqd::sample());
    assert_eq!(status, 0);
}

#[test]
fn help_is_one_screen() {
    let dir = tempfile::tempdir().unwrap();
    let (out, err, status) = run(&["-h"], dir.path());
    assert_eq!((err.as_str(), status), ("", 0));
    assert_eq!(
        out,
        "\
Ticker and maintenance of PgQ queues

Usage: pgqd [OPTIONS] [CONFIG]

Arguments:
  [CONFIG]  Settings; `--ini` prints a sample

Options:
  -v, --verbose...              Log more: -v details, -vv everything
  -q, --quiet                   Do not log to standard error
  -d, --daemon                  Go into the background; needs pidfile, and logfile or syslog [alias:
                                -D]
      --metrics-listen <PLACE>  Serve metrics at [HOST:]PORT; HOST is the loopback interface if left
                                out
  -s, --stop                    Stop the running process when it has finished what it does (SIGINT)
  -k, --kill                    Stop the running process at once (SIGTERM)
  -r, --reload                  Let the running process read its settings and open its log file anew
                                (SIGHUP)
  -V, --version                 Print the version
      --ini                     Print a commented sample of the settings
  -h, --help                    Print help (see more with '--help')
"
    );
}

#[test]
fn bad_options_and_bad_settings() {
    let dir = tempfile::tempdir().unwrap();
    let (out, err, status) = run(&["--foo"], dir.path());
    assert_eq!((out.as_str(), status), ("", 1));
    assert!(
        err.starts_with("error: unexpected argument '--foo' found\n"),
        "{err}"
    );

    let (_, err, status) = run(&["no-such.ini"], dir.path());
    assert_eq!(status, 1);
    assert_eq!(
        err,
        "error: config file \"no-such.ini\" cannot be read: No such file or directory (os error 2)\n"
    );

    fs::write(dir.path().join("a.ini"), "[pgqd]\nticker_perod = 1\n").unwrap();
    let (_, err, status) = run(&["a.ini"], dir.path());
    assert_eq!(status, 1);
    assert_eq!(
        err,
        "error: a.ini:2: unknown key \"ticker_perod\"\nhint: did you mean \"ticker_period\"?\n"
    );

    fs::write(
        dir.path().join("b.ini"),
        "[pgqd]\nsyslog = 0\nbase_connstr = hots=db1\n",
    )
    .unwrap();
    let (_, err, status) = run(&["b.ini"], dir.path());
    assert_eq!(status, 1);
    assert!(err.starts_with("error: ") && err.contains("hots"), "{err}");
}

#[test]
fn signals_need_somebody_to_send_them_to() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.ini"), "[pgqd]\nsyslog = 0\n").unwrap();
    fs::write(dir.path().join("b.ini"), "[pgqd]\nsyslog = 0\npidfile = b.pid\n").unwrap();
    for option in ["-s", "-k", "-r"] {
        let (out, err, status) = run(&[option, "a.ini"], dir.path());
        assert_eq!(
            (out.as_str(), err.as_str(), status),
            ("", "No pidfile configured\n", 1)
        );
        let (out, err, status) = run(&[option, "b.ini"], dir.path());
        assert_eq!(
            (out.as_str(), err.as_str(), status),
            ("", "Old process is not running\n", 0)
        );
    }
}

#[test]
fn the_background_needs_a_pidfile_and_a_log() {
    let dir = tempfile::tempdir().unwrap();
    for option in ["-d", "-D", "--daemon"] {
        fs::write(dir.path().join("a.ini"), "[pgqd]\nsyslog = 0\n").unwrap();
        let (_, err, status) = run(&[option, "a.ini"], dir.path());
        assert_eq!(status, 1);
        assert_eq!(
            err,
            "error: daemon needs pidfile configured\n\
             hint: set \"pidfile\" in section [pgqd], or leave -d out\n"
        );
        fs::write(dir.path().join("a.ini"), "[pgqd]\nsyslog = 0\npidfile = a.pid\n").unwrap();
        let (_, err, status) = run(&[option, "a.ini"], dir.path());
        assert_eq!(status, 1);
        assert_eq!(
            err,
            "error: daemon needs logging configured\n\
             hint: set \"logfile\", or \"syslog = 1\", in section [pgqd]\n"
        );
        assert!(!dir.path().join("a.pid").exists());
    }
}

#[test]
fn a_second_process_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = std::process::Command::new("sleep").arg("600").spawn().unwrap();
    fs::write(dir.path().join("a.pid"), format!("{}\n", first.id())).unwrap();
    fs::write(
        dir.path().join("a.ini"),
        format!("[pgqd]\nsyslog = 0\npidfile = {}/a.pid\n", dir.path().display()),
    )
    .unwrap();
    let (_, err, status) = run(&["a.ini"], dir.path());
    assert_eq!(status, 1);
    assert_eq!(
        stripped(&err, dir.path()),
        format!(
            "error: pidfile exists, another instance running?\ndetail: pid file \"DIR/a.pid\", process {}\n\
             hint: pgqd -s stops that process, pgqd -r lets it read its settings anew\n",
            first.id()
        )
    );
    first.kill().unwrap();
    first.wait().unwrap();
}
