//! Programs that read a queue through the library: each event exactly once, whenever they die.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Once;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::process::{Process, clean_environment};
use crate::support::wait::{wait_for, wait_for_async};
use crate::support::{Database, database};
use londiste::client::{Consumer, Handler, Settings, Work};
use londiste::error::{Error, ErrorKind, Result};
use londiste::service::fault::CLIENT_FAULT_POINTS;
use londiste::service::stop::{StopLevel, StopSignal, stop_pair};

const LIMIT: Duration = Duration::from_secs(60);

/// The built program of an example.
fn example(name: &str) -> PathBuf {
    static BUILT: Once = Once::new();
    let deps = std::env::current_exe().unwrap();
    let profile = deps.parent().and_then(|deps| deps.parent()).unwrap();
    BUILT.call_once(|| {
        // A test run of this binary alone does not build them.
        let mut cargo = Command::new(env!("CARGO"));
        cargo
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["build", "-q", "--examples", "--target-dir"])
            .arg(profile.parent().unwrap());
        if profile.ends_with("release") {
            cargo.arg("--release");
        }
        assert!(cargo.status().unwrap().success(), "the examples cannot be built");
    });
    profile.join("examples").join(name)
}

/// Queue `sales` with a ticker, and a database with customers.
struct Scene {
    shop: Database,
    mart: Database,
    dir: tempfile::TempDir,
    _pgqd: Process,
}

impl Scene {
    fn new(name: &str) -> Self {
        let (shop, mart) = (database(name), database(&format!("{name}_mart")));
        for (db, schemas) in [(&shop, "pgq,pgq_coop"), (&mart, "pgq_ext")] {
            let mut install = Command::new(env!("CARGO_BIN_EXE_londiste"));
            clean_environment(&mut install).args(["install", "-q", "--only", schemas, &db.connstr()]);
            // Roles are shared by all databases of the server: two installations at once can collide.
            wait_for("the installation", LIMIT, || {
                install.output().unwrap().status.success().then_some(())
            });
        }
        shop.psql("select pgq.create_queue('sales')");
        mart.psql(
            "create table customer (id int primary key, total bigint not null default 0);
             insert into customer select generate_series(1, 5);
             grant select, update on customer to pgq_writer",
        );
        let dir = tempfile::tempdir().unwrap();
        let ini = dir.path().join("pgqd.ini");
        let settings = format!(
            "[pgqd]\nbase_connstr = host={} port={} user=postgres\ndatabase_list = {}\nretry_period = 0.1\nsyslog = 0\n",
            shop.cluster().socket_dir().display(),
            shop.cluster().port(),
            shop.name()
        );
        std::fs::write(&ini, settings).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_pgqd"));
        command.arg(&ini);
        let pgqd = Process::spawn("pgqd", command, &dir.path().join("pgqd.log"));
        Self {
            shop,
            mart,
            dir,
            _pgqd: pgqd,
        }
    }

    /// Starts the example that adds up, as a member where one is named, to die at a fault point where one is named.
    fn totals(&self, member: Option<&str>, fault: Option<&str>) -> Process {
        let mut command = Command::new(example("queue_totals"));
        clean_environment(&mut command)
            // These rights are enough.
            .arg(format!("{} options='-c role=pgq_reader'", self.shop.connstr()))
            .arg(format!("{} options='-c role=pgq_writer'", self.mart.connstr()))
            .args(["sales", "totals"])
            .args(member);
        if let Some(fault) = fault {
            command.env("LONDISTE_FAULT", fault);
        }
        let log = self
            .dir
            .path()
            .join(format!("{}.log", member.unwrap_or("totals")));
        // The environment is clean already; the fault has to stay.
        spawn(command, &log)
    }

    fn sell(&self, customer: i32, amount: i64) {
        self.shop.psql(&format!(
            "select pgq.insert_event('sales', 'sale', 'customer={customer}&amount={amount}')"
        ));
    }

    fn wait_registered(&self, name: &str) {
        wait_for("the consumer to be registered", LIMIT, || {
            let count = self.shop.psql(&format!(
                "select count(*) from pgq.get_consumer_info('sales', '{name}')"
            ));
            (count == "1").then_some(())
        });
    }

    /// Waits until nothing is left anywhere.
    fn wait_done(&self) {
        wait_for("everything to be read", LIMIT, || {
            let left = self.shop.psql(
                // One snapshot, else an event slips from one place to another between two looks.
                "begin isolation level repeatable read; \
                 select (select count(*) from pgq.retry_queue), (select sum(ev_new) from pgq.get_queue_info()), \
                        (select sum(pending_events) from pgq.get_consumer_info()), \
                        (select count(current_batch) from pgq.get_consumer_info()); \
                 commit",
            );
            (left == "0|0|0|0").then_some(())
        });
    }

    fn total(&self, customer: i32) -> i64 {
        let total = self
            .mart
            .psql(&format!("select total from customer where id = {customer}"));
        total.parse().unwrap()
    }
}

impl Scene {
    /// Amounts of the sales that were given up, because their customer was not known in time.
    fn given_up(&self) -> i64 {
        let sum = "select coalesce(sum(split_part(ev_data, 'amount=', 2)::int8), 0) from londiste_rs.dead_event \
                   where ev_data <> 'garbage'";
        self.shop.psql(sum).parse().unwrap()
    }
}

/// As [`Process::spawn`], with the fault point that the environment of the command names.
fn spawn(mut command: Command, log: &std::path::Path) -> Process {
    let fault = command
        .get_envs()
        .find(|(name, _)| *name == "LONDISTE_FAULT")
        .and_then(|(_, value)| value.map(ToOwned::to_owned));
    match fault {
        None => Process::spawn("queue_totals", command, log),
        Some(fault) => {
            let mut shell = Command::new("env");
            let mut pair = std::ffi::OsString::from("LONDISTE_FAULT=");
            pair.push(fault);
            shell
                .arg(pair)
                .arg(command.get_program())
                .args(command.get_args());
            command = shell;
            Process::spawn("queue_totals", command, log)
        }
    }
}

fn in_parallel(points: &[&str], work: impl Fn(&str) + Sync) {
    std::thread::scope(|scope| {
        for point in points {
            scope.spawn(|| work(point));
        }
    });
}

#[test]
fn a_consumer_that_dies_anywhere_does_each_event_once() {
    example("queue_totals");
    in_parallel(CLIENT_FAULT_POINTS, |point| {
        let scene = Scene::new("client_dies");
        scene.shop.psql("select pgq.register_consumer('sales', 'totals')");
        // Amounts are powers of two: the sum shows what is missing or double.
        let mut sold = 0;
        for round in 0..3 {
            for customer in [1, 99] {
                scene.sell(customer, 1 << round);
            }
            sold += 1 << round;
            scene
                .shop
                .psql("select pgq.insert_event('sales', 'sale', 'garbage')");
            wait_for("the events to be ticked", LIMIT, || {
                let new = scene.shop.psql("select ev_new from pgq.get_queue_info('sales')");
                (new == "0").then_some(())
            });
            // Customer 99 is not known, so the batch has events to be retried, and one to be given up.
            scene.totals(None, Some(&format!("{point}:1"))).wait_killed(LIMIT);
        }
        let mut process = scene.totals(None, None);
        wait_for("an event to come again", LIMIT, || {
            let retried = "select count(*) > 0 from pgq.event_template where ev_retry = 1";
            (scene.shop.psql(retried) == "t").then_some(())
        });
        scene.mart.psql("insert into customer values (99)");
        scene.wait_done();
        process.stop(LIMIT);
        assert_eq!(scene.total(1), sold, "{point}");
        assert_eq!(scene.total(99) + scene.given_up(), sold, "{point}");
        let garbage = "select count(*) from londiste_rs.dead_event where ev_data = 'garbage'";
        assert_eq!(scene.shop.psql(garbage), "3", "{point}");
        let marks = "select count(*) from londiste_rs.retry_mark";
        assert_eq!(scene.mart.psql(marks), "0", "{point}");
    });
}

#[test]
fn the_batch_of_a_dead_member_goes_to_another_and_is_done_once() {
    example("queue_totals");
    in_parallel(CLIENT_FAULT_POINTS, |point| {
        let scene = Scene::new("client_coop");
        let mut a = scene.totals(Some("a"), Some(&format!("{point}:2")));
        scene.wait_registered("totals.a");
        let mut b = scene.totals(Some("b"), None);
        let mut sold = 0;
        let mut next = 0;
        wait_for(&format!("member a to die at {point}"), LIMIT, || {
            if next < 40 {
                scene.sell(1, 1 << next);
                // Not known at first: it is retried.
                scene.sell(99, 1 << next);
                sold += 1_i64 << next;
                next += 1;
            }
            (!a.is_running()).then_some(())
        });
        a.wait_killed(LIMIT);
        scene.mart.psql("insert into customer values (99)");
        // Member b finds out after two seconds and has its batch.
        wait_for("the dead member to be removed", LIMIT, || {
            let members = scene
                .shop
                .psql("select count(*) from pgq.get_consumer_info('sales', 'totals.a')");
            (members == "0").then_some(())
        });
        scene.wait_done();
        b.stop(LIMIT);
        assert_eq!(scene.total(1), sold, "{point}");
        assert_eq!(scene.total(99) + scene.given_up(), sold, "{point}");
        // What it could not tidy up any more, it does when it is started again.
        let _a = scene.totals(Some("a"), None);
        wait_for("the marks of done work to be removed", LIMIT, || {
            let left = "select (select count(*) from londiste_rs.retry_mark), \
                               (select count(*) from pgq_ext.completed_tick where subconsumer_id like '@%')";
            (scene.mart.psql(left) == "0|0").then_some(())
        });
    });
}

#[test]
fn lost_connections_are_made_anew() {
    let scene = Scene::new("client_cut");
    let mut process = scene.totals(None, None);
    scene.wait_registered("totals");
    for round in 0..4 {
        scene.sell(1, 1 << round);
        for db in [&scene.shop, &scene.mart] {
            db.psql(
                "select count(pg_terminate_backend(pid)) from pg_stat_activity \
                 where datname = current_database() and application_name like 'londiste:client:%'",
            );
        }
        scene.wait_done();
    }
    assert_eq!(scene.total(1), 15);
    process.signal(Signal::SIGINT);
    assert!(process.wait_end(LIMIT).success());
}

#[test]
fn mails_that_cannot_be_sent_are_tried_again_and_then_put_aside() {
    let scene = Scene::new("client_mail");
    let run = || {
        let mut command = Command::new(example("queue_mail"));
        clean_environment(&mut command).args([&scene.shop.connstr(), "sales", "mail"]);
        let output = command.output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert_eq!(run(), "0 sent\n");
    scene.shop.psql(
        "select pgq.insert_event('sales', 'welcome', 'ann@example.com'); \
         select pgq.insert_event('sales', 'welcome', 'nowhere')",
    );
    let mut told = String::new();
    wait_for("the last try", LIMIT, || {
        told.push_str(&run());
        told.contains("giving up").then_some(())
    });
    let told: Vec<&str> = told.lines().filter(|line| !line.ends_with(" sent")).collect();
    assert_eq!(
        told,
        [
            "to ann@example.com: welcome",
            "\"nowhere\" does not answer, trying again",
            "\"nowhere\" does not answer, trying again",
            "\"nowhere\" does not answer, giving up",
        ]
    );
    assert_eq!(
        scene
            .shop
            .psql("select consumer_name, ev_data, reason from londiste_rs.dead_event"),
        "mail|nowhere|retried 2 time(s)"
    );
}

/// Writes events into a table of the queue's database, and fails as often as it is told.
struct Copy {
    failures: u32,
}

impl Handler for Copy {
    async fn batch(&mut self, work: &mut Work<'_>) -> Result<()> {
        for event in work.events().await? {
            work.transaction()?
                .execute("insert into copy values ($1, $2)", &[&event.id, &event.data])
                .await?;
            if self.failures > 0 {
                self.failures -= 1;
                return Err(Error::refused("not yet"));
            }
        }
        Ok(())
    }
}

#[tokio::test]
async fn work_beside_the_queue_is_rolled_back_with_an_error_and_done_once() {
    let scene = Scene::new("client_here");
    scene.shop.psql("create table copy (id int8, data text)");
    let settings = Settings::new(scene.shop.connstr(), "sales", "copy")
        .work_here()
        .register(true)
        .longest_pause(Duration::from_millis(300))
        // Only a notification can wake it in time.
        .poll(Duration::from_secs(3600));
    let consumer = Consumer::new(settings).unwrap();
    consumer
        .run_to_end(&mut Copy { failures: 0 }, &StopSignal::never())
        .await
        .unwrap();
    let (stopper, stop) = stop_pair();
    let task = tokio::spawn(async move { consumer.run(&mut Copy { failures: 2 }, &stop).await });
    scene.shop.psql("select pgq.insert_event('sales', 't', 'one')");
    let rows = |wanted: &'static str| {
        let shop = &scene.shop;
        move || async move {
            let rows = shop.psql("select string_agg(data, ' ' order by id) from copy");
            (rows == wanted).then_some(())
        }
    };
    wait_for_async("the first event", LIMIT, rows("one")).await;
    scene.shop.psql("select pgq.insert_event('sales', 't', 'two')");
    wait_for_async("the second event", LIMIT, rows("one two")).await;
    stopper.stop(StopLevel::Graceful);
    task.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_error_is_returned_where_that_is_asked_for() {
    let scene = Scene::new("client_fail");
    let settings = Settings::new(scene.shop.connstr(), "sales", "nobody").most_failures(1);
    let error = Consumer::new(settings.clone())
        .unwrap()
        .run(&mut Copy { failures: 0 }, &StopSignal::never())
        .await
        .unwrap_err();
    assert!(
        error.report().contains("londiste queue register sales nobody"),
        "{}",
        error.report()
    );
    // A detached reader is not registered anew in silence.
    scene.shop.psql("select pgq.register_consumer('sales', 'nobody')");
    scene
        .shop
        .psql("select londiste_rs.detach_consumer('sales', 'nobody', 'too late', null)");
    let error = Consumer::new(settings.register(true))
        .unwrap()
        .run_to_end(&mut Copy { failures: 0 }, &StopSignal::never())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(
        error.report().contains("londiste queue attach sales nobody"),
        "{}",
        error.report()
    );
}

#[tokio::test]
async fn a_position_that_does_not_fit_is_repaired_or_named() {
    let scene = Scene::new("client_lost");
    let settings = Settings::new(scene.shop.connstr(), "sales", "copy")
        .work_in(scene.mart.connstr())
        .register(true);
    scene.mart.psql("create table copy (id int8, data text)");
    let consumer = Consumer::new(settings).unwrap();
    let stop = StopSignal::never();
    consumer
        .run_to_end(&mut Copy { failures: 0 }, &stop)
        .await
        .unwrap();
    let read = async |count: &str| {
        wait_for_async(&format!("{count} rows"), LIMIT, async || {
            consumer
                .run_to_end(&mut Copy { failures: 0 }, &stop)
                .await
                .unwrap();
            (scene.mart.psql("select count(*) from copy") == count).then_some(())
        })
        .await;
    };
    scene.shop.psql("select pgq.insert_event('sales', 't', 'one')");
    let before = scene
        .mart
        .psql("select coalesce(max(last_tick_id), 1) from pgq_ext.completed_tick");
    read("1").await;
    // The work's database was set back: it reads again what it lost.
    scene.mart.psql(&format!(
        "delete from copy; update pgq_ext.completed_tick set last_tick_id = {before}"
    ));
    scene.shop.psql("select pgq.insert_event('sales', 't', 'two')");
    read("2").await;
    // The queue's was: nothing is skipped in silence.
    scene
        .mart
        .psql("update pgq_ext.completed_tick set last_tick_id = 1000000");
    scene.shop.psql("select pgq.insert_event('sales', 't', 'three')");
    let error = wait_for_async("the error", LIMIT, async || {
        consumer.run_to_end(&mut Copy { failures: 0 }, &stop).await.err()
    })
    .await;
    assert_eq!(error.kind(), ErrorKind::Position, "{}", error.report());
}
