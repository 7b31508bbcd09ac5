//! How our connections call themselves, so that a DBA (or a test) finds one particular worker in `pg_stat_activity`.

use std::fmt;

/// The server cuts `application_name` to `NAMEDATALEN - 1` bytes.
const LIMIT: usize = 63;

/// `londiste:<role>:<node>:<queue>`, 63 bytes at most. It goes before an `application_name` of the connection string:
/// finding our connections by name is part of how they work.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AppName {
    text: String,
    role: String,
}

impl AppName {
    /// Makes the name; what is too long is cut from the end, so the queue goes first and the role stays.
    pub fn new(role: &str, node: &str, queue: &str) -> AppName {
        let mut text = format!("londiste:{role}:{node}:{queue}");
        if text.len() > LIMIT {
            let mut end = LIMIT;
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            text.truncate(end);
        }
        AppName {
            text,
            role: role.to_owned(),
        }
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The role part, for log lines.
    pub fn role(&self) -> &str {
        &self.role
    }
}

impl fmt::Display for AppName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_is_cut_not_the_role() {
        assert_eq!(
            AppName::new("worker", "root", "q").as_str(),
            "londiste:worker:root:q"
        );
        let long = AppName::new("copy", "node1", &"ä".repeat(60));
        assert!(long.as_str().len() <= 63);
        assert!(long.as_str().starts_with("londiste:copy:node1:ää"));
        assert_eq!(long.role(), "copy");
    }
}
