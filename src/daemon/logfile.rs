//! The log file: appended, rotated by size, opened anew on request.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};

/// A log file that is rotated to `.1`, `.2`, ... when it reaches a size.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    file: File,
    written: u64,
    limit: u64,
    keep: usize,
}

impl LogFile {
    /// Opens `path` for appending. Rotation happens before a line that would exceed `limit` bytes (0: never) and keeps
    /// `keep` older files.
    pub fn open(path: &Path, limit: u64, keep: usize) -> Result<Self> {
        let (file, written) = open_append(path).map_err(|error| {
            let made = Error::new(
                ErrorKind::Io,
                format!("log file \"{}\" cannot be opened: {error}", path.display()),
            );
            match error.kind() {
                io::ErrorKind::NotFound => made.with_hint("create its directory, or change \"logfile\""),
                io::ErrorKind::PermissionDenied => {
                    made.with_hint("may this user write there? other jobs may run as another user")
                }
                _ => made,
            }
        })?;
        Ok(Self {
            path: path.to_owned(),
            file,
            written,
            limit,
            keep,
        })
    }

    /// Path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends `text`, which ends with a newline.
    pub fn write(&mut self, text: &str) -> io::Result<()> {
        let length = text.len() as u64;
        // Ancestor: no older files to keep means no rotation.
        if self.limit > 0 && self.keep > 0 && self.written > 0 && self.written + length > self.limit {
            // A failed rotation must not lose the line: it goes into the file at hand.
            if let Err(error) = self.rotate() {
                self.written = 0;
                let _ = writeln!(
                    self.file,
                    "log file \"{}\" cannot be rotated: {error}",
                    self.path.display()
                );
            }
        }
        self.file.write_all(text.as_bytes())?;
        self.written += length;
        Ok(())
    }

    /// Opens the file anew, after another program (logrotate) moved it away.
    pub fn reopen(&mut self) -> io::Result<()> {
        (self.file, self.written) = open_append(&self.path)?;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        // Short-lived commands write to the worker's file as well: somebody else may have rotated it already.
        use std::os::unix::fs::MetadataExt as _;
        let there = std::fs::metadata(&self.path);
        let ours = self.file.metadata()?;
        if there.is_ok_and(|there| there.ino() == ours.ino() && there.dev() == ours.dev()) {
            for number in (1..self.keep).rev() {
                match std::fs::rename(self.numbered(number), self.numbered(number + 1)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            std::fs::rename(&self.path, self.numbered(1))?;
        }
        self.reopen()
    }

    fn numbered(&self, number: usize) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    }
}

fn open_append(path: &Path) -> io::Result<(File, u64)> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    let length = file.metadata()?.len();
    Ok((file, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotation_keeps_the_asked_number_of_files() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("job.log");
        let read = |tail: &str| std::fs::read_to_string(format!("{}{tail}", path.display()));
        let mut log = LogFile::open(&path, 10, 2).unwrap();
        for line in ["one 1\n", "two\n", "three\n", "four 44\n", "five 5\n", "x\n"] {
            log.write(line).unwrap();
        }
        assert_eq!(read("").unwrap(), "five 5\nx\n");
        assert_eq!(read(".1").unwrap(), "four 44\n");
        assert_eq!(read(".2").unwrap(), "three\n");
        assert!(read(".3").is_err());
        // A restart counts what is there; a line longer than the limit is written whole.
        let mut log = LogFile::open(&path, 10, 2).unwrap();
        log.write("a line of more than ten bytes\n").unwrap();
        assert_eq!(read("").unwrap(), "a line of more than ten bytes\n");
        assert_eq!(read(".1").unwrap(), "five 5\nx\n");
    }

    #[test]
    fn two_writers_rotate_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("job.log");
        let mut first = LogFile::open(&path, 10, 3).unwrap();
        let mut second = LogFile::open(&path, 10, 3).unwrap();
        first.write("12345678\n").unwrap();
        second.write("abcdefgh\n").unwrap();
        first.write("next\n").unwrap();
        second.write("more\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "next\nmore\n");
        assert!(!dir.path().join("job.log.2").exists());
    }

    #[test]
    fn a_moved_file_is_opened_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("job.log");
        let mut log = LogFile::open(&path, 0, 0).unwrap();
        log.write("one\n").unwrap();
        std::fs::rename(&path, dir.path().join("old")).unwrap();
        log.write("two\n").unwrap();
        log.reopen().unwrap();
        log.write("three\n").unwrap();
        assert_eq!(
            std::fs::read_to_string(dir.path().join("old")).unwrap(),
            "one\ntwo\n"
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "three\n");
    }

    #[test]
    fn a_missing_directory_is_explained() {
        let error = LogFile::open(Path::new("no/such/job.log"), 0, 0).unwrap_err();
        assert_eq!(
            error.report(),
            "error: log file \"no/such/job.log\" cannot be opened: No such file or directory (os error 2)\n\
             hint: create its directory, or change \"logfile\""
        );
    }
}
