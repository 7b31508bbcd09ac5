//! A program under test as a child process: its output is kept in a file, it is ended and buried when dropped.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::wait::wait_for;

/// Longer than the time within which a second SIGINT means "at once".
const ASK_AGAIN: Duration = Duration::from_secs(3);

/// A running program of ours.
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command`; what it writes is added to the file `log`. Variables of the caller's environment that would
    /// lead it elsewhere are taken away.
    pub fn spawn(name: &str, mut command: Command, log: &Path) -> Process {
        let file = File::options()
            .create(true)
            .append(true)
            .open(log)
            .expect("open the log file of a process");
        let child = clean_environment(&mut command)
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("clone a file handle"))
            .stderr(file)
            .spawn()
            .unwrap_or_else(|error| panic!("start {name}: {error}"));
        Process {
            name: name.to_owned(),
            child,
            log: log.to_owned(),
        }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("look at a child").is_none()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        // It may have ended already; it is not buried yet, so the number cannot be somebody else's.
        let _ = kill(Pid::from_raw(self.pid() as i32), signal);
    }

    /// Ends it as a crash would, and buries it.
    pub fn kill9(&mut self) {
        self.signal(Signal::SIGKILL);
        self.child.wait().expect("bury a child");
    }

    /// Waits until it ends by itself.
    #[track_caller]
    pub fn wait_end(&mut self, limit: Duration) -> ExitStatus {
        let what = format!("{} to end", self.name);
        wait_for(&what, limit, || self.child.try_wait().expect("look at a child"))
    }

    /// Waits until a fault point ends it.
    #[track_caller]
    pub fn wait_killed(&mut self, limit: Duration) {
        let status = self.wait_end(limit);
        assert_eq!(
            status.signal(),
            Some(Signal::SIGKILL as i32),
            "{} ended otherwise: {status}\n{}",
            self.name,
            self.log()
        );
    }

    /// Asks for a graceful stop and waits for it. Where a shell runs the tests in the background, SIGINT is ignored until the
    /// program listens to it, so a process that has just been started is asked again.
    #[track_caller]
    pub fn stop(&mut self, limit: Duration) -> ExitStatus {
        let what = format!("{} to end", self.name);
        let mut asked: Option<Instant> = None;
        wait_for(&what, limit, || {
            if asked.is_none_or(|asked| asked.elapsed() > ASK_AGAIN) {
                self.signal(Signal::SIGINT);
                asked = Some(Instant::now());
            }
            self.child.try_wait().expect("look at a child")
        })
    }

    /// What it, and processes before it with the same log, have written.
    pub fn log(&self) -> String {
        read_log(&self.log)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.child.try_wait().ok().flatten().is_none() {
            self.signal(Signal::SIGKILL);
            let _ = self.child.wait();
        }
    }
}

/// Takes away what would lead a program of ours elsewhere than its job file says.
pub fn clean_environment(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("PG") || text.starts_with("LONDISTE") || text == "RUST_LOG" {
            command.env_remove(&name);
        }
    }
    command
}

/// The text of a log file, nothing when it does not exist yet.
pub fn read_log(path: &Path) -> String {
    fs::read(path)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default()
}
