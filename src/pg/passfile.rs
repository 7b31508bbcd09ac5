//! `~/.pgpass`: lines of `host:port:database:user:password`, each of the first four may be `*`; a backslash takes the
//! next character as it is (PostgreSQL manual, "The Password File").

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// The text of a passfile that may be used; none where it is missing or readable by others.
pub(super) fn load(path: &Path) -> Option<String> {
    let meta = fs::metadata(path).ok()?;
    if !meta.is_file() {
        warn_once(path, "is not a plain file");
        return None;
    }
    if meta.permissions().mode() & 0o077 != 0 {
        warn_once(
            path,
            "has group or world access; it is ignored until its permissions are u=rw (0600) or less",
        );
        return None;
    }
    fs::read(path)
        .ok()
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// The password of the first line that fits.
pub(super) fn find(text: &str, host: &str, port: &str, dbname: &str, user: &str) -> Option<String> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .find_map(|line| {
            let mut rest = line.strip_suffix('\r').unwrap_or(line);
            for wanted in [host, port, dbname, user] {
                rest = match_field(rest, wanted)?;
            }
            Some(unescape(rest))
        })
}

/// What follows the field and its colon, when the field is `*` or `wanted`.
fn match_field<'a>(line: &'a str, wanted: &str) -> Option<&'a str> {
    if let Some(rest) = line.strip_prefix("*:") {
        return Some(rest);
    }
    let mut escaped = false;
    let end = line.char_indices().find_map(|(at, c)| {
        let is_end = c == ':' && !escaped;
        escaped = c == '\\' && !escaped;
        is_end.then_some(at)
    })?;
    (unescape(&line[..end]) == wanted).then_some(&line[end + 1..])
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c == '\\' {
            out.extend(chars.next());
        } else {
            out.push(c);
        }
    }
    out
}

/// Workers reconnect for ever; one warning per file is enough.
fn warn_once(path: &Path, what: &str) {
    static WARNED: Mutex<Option<HashSet<PathBuf>>> = Mutex::new(None);
    let mut warned = WARNED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if warned.get_or_insert_default().insert(path.to_owned()) {
        tracing::warn!("password file \"{}\" {what}", path.display());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_fitting_line_wins() {
        let text = "# comment\n\
                    db1:5432:shop:anna:one\n\
                    db1:*:shop:*:t\\:w\\\\o\n\
                    a\\:b:5432:*:anna:three\r\n\
                    broken line\n\
                    *:*:*:bob:four:five\n";
        assert_eq!(find(text, "db1", "5432", "shop", "anna").as_deref(), Some("one"));
        assert_eq!(
            find(text, "db1", "5433", "shop", "anna").as_deref(),
            Some("t:w\\o")
        );
        assert_eq!(find(text, "a:b", "5432", "x", "anna").as_deref(), Some("three"));
        assert_eq!(find(text, "zz", "1", "x", "bob").as_deref(), Some("four:five"));
        assert_eq!(find(text, "zz", "1", "x", "eve"), None);
    }

    #[test]
    fn a_file_open_to_others_is_ignored() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pgpass");
        assert_eq!(load(&path), None);
        fs::write(&path, "*:*:*:*:x\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(load(&path), None);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(load(&path).as_deref(), Some("*:*:*:*:x\n"));
    }
}
