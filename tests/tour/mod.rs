//! The README's tour: its commands, run as they are written, do what it says.

use std::fs;
use std::path::Path;
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::database;
use crate::support::process::clean_environment;

/// Ends the background processes of the tour, should it stop half-way.
struct Workers<'a>(&'a Path);

impl Drop for Workers<'_> {
    fn drop(&mut self) {
        for entry in fs::read_dir(self.0).into_iter().flatten().flatten() {
            if entry.path().extension().is_some_and(|e| e == "pid")
                && let Ok(text) = fs::read_to_string(entry.path())
                && let Ok(pid) = text.trim().parse()
            {
                let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
            }
        }
    }
}

/// The shell blocks of the README, in order; `console` blocks are not run.
fn shell_blocks(text: &str) -> Vec<String> {
    let mut blocks: Vec<String> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        match line {
            "```sh" => {
                inside = true;
                blocks.push(String::new());
            }
            "```" => inside = false,
            _ if inside => {
                let block = blocks.last_mut().expect("a block was begun");
                block.push_str(line);
                block.push('\n');
            }
            _ => {}
        }
    }
    blocks
}

/// Puts another connection string in the place of the one that the README gives `variable`.
fn set_variable(script: &str, variable: &str, value: &str) -> String {
    let start = format!("{variable}='");
    assert!(
        script.contains(&start),
        "the tour does not set {variable} any more"
    );
    script
        .lines()
        .map(|line| {
            if line.starts_with(&start) {
                format!("{variable}=\"{value}\"")
            } else {
                line.to_owned()
            }
        })
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn readme_tour() {
    let readme = include_str!("../../README.md");
    let (shop, reports) = (database("tour_shop"), database("tour_reports"));
    shop.psql(
        "create table customers (id serial primary key, name text not null unique);
         create table orders (id serial primary key, customer int not null references customers, total numeric);
         insert into customers (name) select 'customer ' || n from generate_series(1, 50) n;
         insert into orders (customer, total) select 1 + n % 50, n * 1.25 from generate_series(1, 500) n;",
    );
    let mut script = "set -e\n".to_owned();
    for block in shell_blocks(readme) {
        script.push_str(&block);
        if block.contains(" compare") {
            // Traffic, which has to arrive before the tour ends.
            script.push_str(
                "psql -X -q -v ON_ERROR_STOP=1 -d \"$SHOP\" <<SQL\n\
                 update orders set total = total + 1 where id % 3 = 0;\n\
                 delete from orders where id % 7 = 0;\n\
                 insert into customers (name) values ('ça va & bien = 100%');\n\
                 SQL\n",
            );
        }
    }
    script = set_variable(&script, "SHOP", &shop.connstr());
    script = set_variable(&script, "REPORTS", &reports.connstr());

    let dir = tempfile::tempdir().unwrap();
    let _workers = Workers(dir.path());
    let programs = Path::new(env!("CARGO_BIN_EXE_londiste")).parent().unwrap();
    let mut command = Command::new("bash");
    clean_environment(&mut command)
        .args(["-c", &script])
        .current_dir(dir.path())
        .env(
            "PATH",
            format!("{}:{}", programs.display(), std::env::var("PATH").unwrap()),
        );
    let output = command.output().expect("run bash");
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        output.status.success(),
        "the tour failed: {}\n{said}",
        output.status
    );
    assert!(said.contains("+--: reports (leaf)"), "no status tree:\n{said}");
    assert_eq!(said.matches("equal").count(), 2, "compare:\n{said}");

    for table in ["customers", "orders"] {
        let rows = format!("select t::text from {table} t order by id");
        assert_eq!(
            reports.psql(&rows),
            shop.psql(&rows),
            "table {table} differs after the tour"
        );
    }
    let triggers = "select count(*) from pg_trigger where tgfoid in (select oid from pg_proc where proname = 'logutriga')";
    assert_eq!(shop.psql(triggers), "0", "a trigger was left on the root");
}
