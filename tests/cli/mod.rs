//! Full output and exit status of every command, good and refused, pinned as text.
//!
//! Each file is named after its command. A [`Node`] is a database with a job file; what differs from run to run (times,
//! process ids, ports, folders, numbers in database names) is shown as a word.

mod add_table;
mod compare;
mod create;
mod docs;
mod frame;
mod install;
mod look;
mod queue;
mod service;
mod table;
mod tree;
mod wait;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::{Database, database};

/// A database with a job file for queue `replika`.
pub struct Node {
    /// The database.
    pub db: Database,
    name: String,
    dir: tempfile::TempDir,
    words: Vec<(String, String)>,
}

impl Node {
    /// Makes an empty database and a job file; nothing is installed.
    pub fn new(name: &str) -> Self {
        let db = database(name);
        let dir = tempfile::tempdir().unwrap();
        let mut node = Self {
            name: name.to_owned(),
            dir,
            words: Vec::new(),
            db,
        };
        node.write_ini(&format!(
            "[londiste]\njob_name = job_{name}\ndb = {}\nqueue_name = replika\npidfile = {}/job.pid\n",
            node.db.connstr(),
            node.dir.path().display()
        ));
        node.hide(node.db.name().to_owned(), name);
        node
    }

    /// Makes the root of a set.
    pub fn root(name: &str) -> Self {
        let node = Self::new(name);
        node.must(&["create-root", name, &node.location()]);
        node
    }

    /// Makes a leaf below `provider`.
    pub fn leaf(name: &str, provider: &Node) -> Self {
        Self::below("create-leaf", name, provider)
    }

    /// Makes a branch below `provider`.
    pub fn branch(name: &str, provider: &Node) -> Self {
        Self::below("create-branch", name, provider)
    }

    fn below(command: &str, name: &str, provider: &Node) -> Self {
        let mut node = Self::new(name);
        node.knows(provider);
        node.must(&[
            command,
            name,
            &node.location(),
            "--provider",
            &provider.location(),
        ]);
        node
    }

    /// The connect string that other nodes use.
    pub fn location(&self) -> String {
        self.db.connstr()
    }

    /// The job file.
    pub fn ini(&self) -> PathBuf {
        self.dir.path().join(format!("{}.ini", self.name))
    }

    /// The folder of the job file, empty otherwise.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Replaces the job file.
    pub fn write_ini(&self, text: &str) {
        std::fs::write(self.ini(), text).unwrap();
    }

    /// Shows `text` as `word` in what [`Node::run`] returns.
    pub fn hide(&mut self, text: String, word: &str) {
        self.words.push((text, word.to_owned()));
    }

    /// Shows the databases of `other` by their names, too.
    pub fn knows(&mut self, other: &Node) {
        self.words.extend(other.words.iter().cloned());
    }

    /// Runs `londiste INI args`; returns exit status, standard output and standard error as one text.
    pub fn run(&self, args: &[&str]) -> String {
        self.show(&self.output(args))
    }

    /// Runs `londiste INI args`, which must succeed.
    #[track_caller]
    pub fn must(&self, args: &[&str]) {
        let output = self.output(args);
        assert!(
            output.status.success(),
            "londiste {args:?}\n{}",
            self.show(&output)
        );
    }

    /// Runs `londiste INI args`.
    pub fn output(&self, args: &[&str]) -> Output {
        let ini = self.ini();
        let mut all = vec![ini.to_str().unwrap()];
        all.extend(args);
        londiste(&all).output().unwrap()
    }

    /// Exit status, standard output and standard error as one text without what differs from run to run.
    pub fn show(&self, output: &Output) -> String {
        let cluster = self.db.cluster();
        let mut text = show(output);
        text = text.replace(cluster.socket_dir().to_str().unwrap(), "SOCKET");
        text = text.replace(self.dir.path().to_str().unwrap(), "DIR");
        text = text.replace(&cluster.port().to_string(), "PORT");
        for (from, to) in &self.words {
            text = text.replace(from, to);
        }
        text
    }
}

/// The program, without the caller's settings.
pub fn londiste(args: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("londiste"));
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("PG") || name.starts_with("LONDISTE") {
            command.env_remove(name);
        }
    }
    // No job file of this machine plays a part.
    command
        .env("LONDISTE_CONFIG_DIR", "no-such-directory")
        .env("NO_COLOR", "1")
        .args(args);
    command
}

/// Exit status, standard output and standard error as one text; times and process ids of log records as words.
pub fn show(output: &Output) -> String {
    let mut text = format!(
        "[exit {}]\n",
        output
            .status
            .code()
            .map_or("by signal".to_owned(), |c| c.to_string())
    );
    for (mark, bytes) in [("", &output.stdout), ("! ", &output.stderr)] {
        for line in String::from_utf8_lossy(bytes).lines() {
            text.push_str(format!("{mark}{}", without_stamp(line)).trim_end());
            text.push('\n');
        }
    }
    text
}

/// A log record without `2026-01-31 12:00:00,123 4711`.
fn without_stamp(line: &str) -> String {
    let mut words = line.splitn(4, ' ');
    let (date, time, pid, rest) = (words.next(), words.next(), words.next(), words.next());
    match (date, time, pid, rest) {
        (Some(date), Some(time), Some(pid), Some(rest))
            if date.len() == 10
                && date.chars().all(|c| c.is_ascii_digit() || c == '-')
                && time.len() == 12
                && pid.chars().all(|c| c.is_ascii_digit()) =>
        {
            rest.to_owned()
        }
        _ => line.to_owned(),
    }
}
