//! The pid file: one process per job, and the address for signals.
//!
//! It holds the bare process id and a newline; only the first line is read. It is written to `<path>.new` and renamed,
//! and removed by its owner. If the process dies in the middle, the file stays and the next start finds nobody with that
//! id and takes it over. The owner also holds a lock on the file, from before it gets its name: so of two starts at the
//! same moment one gets through, and nobody slips in while the owner changes its id on the way into the background.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind as IoKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getpid};

use crate::error::{Error, ErrorKind, Result};

/// What a pid file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PidState {
    /// There is no file.
    Missing,
    /// The file is empty, or its process is gone.
    Stale,
    /// The process lives.
    Alive(i32),
}

/// A pid file that this process owns; removed when dropped.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    pid: Pid,
    stale: bool,
    // Survives the fork of daemonize: lock and descriptor are the same in the child.
    lock: Flock<File>,
}

impl PidFile {
    /// Takes the pid file at `path`. [`ErrorKind::Busy`] when another process holds it.
    pub fn acquire(path: &Path) -> Result<Self> {
        let mut lock = lock_new(path)?;
        let stale = match load_state(path) {
            Ok(PidState::Alive(pid)) => Err(busy(path, Some(pid))),
            Ok(PidState::Stale) if is_locked(path) => Err(busy(path, None)),
            Ok(state) => Ok(state == PidState::Stale),
            Err(error) => Err(error),
        }
        .inspect_err(|_| {
            // The name is ours while the lock is held; the file would only be litter.
            let _ = std::fs::remove_file(new_path(path));
        })?;
        let pid = getpid();
        write(&mut lock, path, pid)?;
        Ok(Self {
            path: path.to_owned(),
            pid,
            stale,
            lock,
        })
    }

    /// Whether an earlier file was taken over; log [`STALE`] as a warning then.
    pub fn was_stale(&self) -> bool {
        self.stale
    }

    /// Path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the present process id, after [`crate::daemon::background::daemonize`] changed it.
    pub fn refresh(&mut self) -> Result<()> {
        let mut lock = lock_new(&self.path)?;
        self.pid = getpid();
        write(&mut lock, &self.path, self.pid)?;
        self.lock = lock;
        Ok(())
    }
}

/// Opens and locks the file that will become the pid file.
fn lock_new(path: &Path) -> Result<Flock<File>> {
    let new = new_path(path);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&new)
        .map_err(|error| {
            cannot("written", path, &error)
                .with_hint("does its directory exist, and may this user write there?")
        })?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| match errno {
        Errno::EWOULDBLOCK => busy(path, None),
        errno => cannot("locked", path, &errno.into()),
    })
}

fn write(lock: &mut Flock<File>, path: &Path, pid: Pid) -> Result<()> {
    lock.set_len(0)
        .and_then(|()| lock.write_all(format!("{pid}\n").as_bytes()))
        .and_then(|()| std::fs::rename(new_path(path), path))
        .map_err(|error| cannot("written", path, &error))
}

/// Whether an owner holds the file although the process that it names is gone.
fn is_locked(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| {
        matches!(
            Flock::lock(file, FlockArg::LockExclusiveNonblock),
            Err((_, Errno::EWOULDBLOCK))
        )
    })
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // A forked child, or a process whose file was taken over, must not remove what is not its own.
        let ours =
            self.pid == getpid() && load_pid(&self.path).is_ok_and(|pid| pid == Some(self.pid.as_raw()));
        if ours {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Text for the log when a stale file was taken over.
pub const STALE: &str = "Ignoring stale pidfile";

/// Whom the file at `path` names, and whether that process lives.
pub fn load_state(path: &Path) -> Result<PidState> {
    let pid = match load_pid(path) {
        Ok(Some(pid)) => pid,
        Ok(None) => return Ok(PidState::Stale),
        Err(PidError::Missing) => return Ok(PidState::Missing),
        Err(PidError::Other(error)) => return Err(error),
    };
    Ok(match kill(Pid::from_raw(pid), None) {
        // The own id: left by an earlier process that had it, since this one has not written the file yet.
        Ok(()) if pid == getpid().as_raw() => PidState::Stale,
        Ok(()) | Err(Errno::EPERM) => PidState::Alive(pid),
        Err(_) => PidState::Stale,
    })
}

/// What became of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// The process got it.
    To(i32),
    /// There is no pid file.
    NoFile,
    /// The file names no living process.
    NotRunning,
}

/// How long an owner may take to write its new id on the way into the background.
const CHANGE_LIMIT: Duration = Duration::from_secs(2);

/// As [`load_state`], but for a file that is locked and names a process that is gone it waits: its owner is just changing
/// its id.
fn load_owner(path: &Path) -> Result<PidState> {
    let start = Instant::now();
    loop {
        let state = load_state(path)?;
        if state != PidState::Stale || !is_locked(path) || start.elapsed() > CHANGE_LIMIT {
            return Ok(state);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Sends `signal` to the process that the file at `path` names (`-s`, `-k`, `-r`).
pub fn signal_pid(path: &Path, signal: Signal) -> Result<Sent> {
    match load_owner(path)? {
        PidState::Missing => Ok(Sent::NoFile),
        PidState::Stale => Ok(Sent::NotRunning),
        PidState::Alive(pid) => match kill(Pid::from_raw(pid), signal) {
            Ok(()) => Ok(Sent::To(pid)),
            Err(Errno::ESRCH) => Ok(Sent::NotRunning),
            Err(errno) => Err(Error::new(
                ErrorKind::Io,
                format!(
                    "{} cannot be sent to process {pid}: {}",
                    signal.as_str(),
                    errno.desc()
                ),
            )
            .with_detail(format!("pid file \"{}\"", path.display()))
            .with_hint("run the command as the user of that process")),
        },
    }
}

enum PidError {
    Missing,
    Other(Error),
}

fn load_pid(path: &Path) -> std::result::Result<Option<i32>, PidError> {
    let bytes = std::fs::read(path).map_err(|error| match error.kind() {
        IoKind::NotFound => PidError::Missing,
        _ => PidError::Other(cannot("read", path, &error)),
    })?;
    let text = String::from_utf8_lossy(&bytes);
    let line = text.lines().next().unwrap_or_default().trim();
    if line.is_empty() {
        return Ok(None);
    }
    // Ids of 0 and below address whole groups of processes.
    match line.parse::<i32>() {
        Ok(pid) if pid > 0 => Ok(Some(pid)),
        _ => Err(PidError::Other(
            Error::new(
                ErrorKind::Refused,
                format!("pid file \"{}\" does not hold a process id", path.display()),
            )
            .with_hint("is \"pidfile\" set to the right file? remove the file if nothing runs"),
        )),
    }
}

/// The pid file `path` with a suffix for another duty of the same job: `.admin`, `.repair`.
pub fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn new_path(path: &Path) -> PathBuf {
    with_suffix(path, ".new")
}

fn busy(path: &Path, pid: Option<i32>) -> Error {
    let whom = pid.map_or_else(String::new, |pid| format!(", process {pid}"));
    Error::new(ErrorKind::Busy, "Pidfile exists, another process running?")
        .with_detail(format!("pid file \"{}\"{whom}", path.display()))
}

fn cannot(what: &str, path: &Path, error: &std::io::Error) -> Error {
    Error::new(
        ErrorKind::Io,
        format!("pid file \"{}\" cannot be {what}: {error}", path.display()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dead_pid() -> u32 {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        child.wait().unwrap();
        pid
    }

    #[test]
    fn the_file_lives_as_long_as_its_owner() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("job.pid");
        let mut file = PidFile::acquire(&path).unwrap();
        assert!(!file.was_stale());
        let text = format!("{}\n", std::process::id());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        assert_eq!(PidFile::acquire(&path).unwrap_err().kind(), ErrorKind::Busy);
        file.refresh().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        assert_eq!(PidFile::acquire(&path).unwrap_err().kind(), ErrorKind::Busy);
        drop(file);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_living_process_keeps_others_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("job.pid");
        let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        let pid = child.id() as i32;
        std::fs::write(&path, format!("{pid}\nmore\n")).unwrap();
        let error = PidFile::acquire(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy);
        assert_eq!(
            error.report(),
            format!(
                "error: Pidfile exists, another process running?\ndetail: pid file \"{}\", process {pid}",
                path.display()
            )
        );
        assert!(!new_path(&path).exists());
        assert_eq!(signal_pid(&path, Signal::SIGTERM).unwrap(), Sent::To(pid));
        child.wait().unwrap();
        assert_eq!(signal_pid(&path, Signal::SIGTERM).unwrap(), Sent::NotRunning);
        assert_eq!(
            signal_pid(&dir.path().join("no.pid"), Signal::SIGHUP).unwrap(),
            Sent::NoFile
        );
    }

    #[test]
    fn stale_and_empty_files_are_taken_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("job.pid");
        for text in [format!("{}\n", dead_pid()), String::new()] {
            std::fs::write(&path, text).unwrap();
            // Left by a process that was killed between the two steps of writing.
            std::fs::write(new_path(&path), "99999999999").unwrap();
            let file = PidFile::acquire(&path).unwrap();
            assert!(file.was_stale());
        }
    }

    #[test]
    fn a_file_that_was_taken_over_is_not_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("job.pid");
        let file = PidFile::acquire(&path).unwrap();
        std::fs::write(&path, "1\n").unwrap();
        drop(file);
        assert!(path.exists());
    }

    #[test]
    fn other_contents_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("job.pid");
        for text in ["hello\n", "-1\n", "0\n"] {
            std::fs::write(&path, text).unwrap();
            let error = PidFile::acquire(&path).unwrap_err();
            assert_eq!(
                error.message(),
                format!("pid file \"{}\" does not hold a process id", path.display())
            );
        }
    }

    #[test]
    fn two_starts_at_once_do_not_both_pass() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("job.pid");
        let first = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(new_path(&path))
            .unwrap();
        let _held = Flock::lock(first, FlockArg::LockExclusiveNonblock).unwrap();
        assert_eq!(PidFile::acquire(&path).unwrap_err().kind(), ErrorKind::Busy);
    }
}
