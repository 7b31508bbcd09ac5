//! Background mode.

use crate::error::{Error, ErrorKind, Result};

/// Puts the process into the background: the parent exits 0, the child gets its own session and has standard input,
/// output and error on the null device. Working directory and umask stay.
///
/// Only the calling thread goes on in the child, so this comes before any thread or runtime is started. The process id
/// changes: call [`crate::daemon::pidfile::PidFile::refresh`] next. What would be printed later goes nowhere, so
/// everything that can be refused (settings, log file, pid file) is checked before.
pub fn daemonize() -> Result<()> {
    nix::unistd::daemon(true, false).map_err(|error| {
        Error::new(
            ErrorKind::Io,
            format!("the process cannot go into the background: {error}"),
        )
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::process::Command;
    use std::time::{Duration, Instant};

    use nix::sys::signal::Signal;
    use nix::unistd::{getpgrp, getpid, getsid};

    use super::*;
    use crate::daemon::pidfile::{PidFile, PidState, Sent, load_state, signal_pid};

    const CHILD: &str = "LONDISTE_TEST_BACKGROUND";

    /// Not a test by itself: what the process does that the test below starts.
    #[test]
    fn background_child() {
        let Some(path) = std::env::var_os(CHILD).map(PathBuf::from) else {
            return;
        };
        let mut file = PidFile::acquire(&path).unwrap();
        daemonize().unwrap();
        file.refresh().unwrap();
        let facts = format!(
            "{} {} {}",
            getsid(None) == Ok(getpgrp()) && getpgrp() == getpid(),
            std::fs::read_link("/proc/self/fd/1").unwrap().display(),
            std::env::current_dir().unwrap().display()
        );
        let done = path.with_extension("done");
        std::fs::write(&done, facts).unwrap();
        std::thread::sleep(Duration::from_secs(60));
        std::process::exit(1);
    }

    #[test]
    fn the_parent_ends_and_the_child_holds_the_pid_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("job.pid");
        let started = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "daemon::background::tests::background_child",
                "--nocapture",
            ])
            .env(CHILD, &path)
            .current_dir(dir.path())
            .output()
            .unwrap();
        assert!(started.status.success(), "{started:?}");
        let limit = Instant::now() + Duration::from_secs(20);
        let facts = loop {
            match std::fs::read_to_string(path.with_extension("done")) {
                Ok(facts) if facts.contains('/') => break facts,
                _ => assert!(Instant::now() < limit, "the child wrote nothing"),
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let here = dir.path().canonicalize().unwrap();
        assert_eq!(facts, format!("true /dev/null {}", here.display()));
        assert!(matches!(load_state(&path).unwrap(), PidState::Alive(_)));
        assert!(PidFile::acquire(&path).is_err());
        assert!(matches!(signal_pid(&path, Signal::SIGTERM).unwrap(), Sent::To(_)));
    }
}
