//! One libpq connection string, as given.
//!
//! Both forms are read: `host=a dbname='b c'` and `postgresql://user@host/db?param=value`. Every keyword that libpq
//! knows is known here; an unknown one is an error that names the nearest. What environment, service file and passfile
//! add is worked out by [`ConnInfo::resolve`], so that a stored connection string stays what its owner wrote.

mod keyval;
pub(super) mod keyword;
mod uri;

use std::fmt;

use super::resolve::{Resolved, Surroundings};
use crate::error::{Error, Result};
use keyword::Keyword;

/// One parsed connection string. Its text form hides passwords.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct ConnInfo {
    params: Vec<(&'static Keyword, String)>,
}

impl ConnInfo {
    /// Reads a connection string or URI; an empty text leaves everything to the environment.
    pub fn parse(text: &str) -> Result<ConnInfo> {
        let mut info = ConnInfo::default();
        let pairs = match uri::strip_scheme(text) {
            Some(rest) => uri::parse(rest)?,
            None => keyval::parse(text)?,
        };
        for (keyword, value) in pairs {
            info.set(keyword, value);
        }
        Ok(info)
    }

    /// A copy with one parameter replaced or added.
    pub fn with(&self, key: &str, value: &str) -> Result<ConnInfo> {
        let keyword = keyword::find(key)?;
        refuse_nul(key, value)?;
        let mut info = self.clone();
        info.set(keyword, value.to_owned());
        Ok(info)
    }

    /// A copy with the parameters of another connection string added; those win (`remote_extra_connstr`).
    pub fn appended(&self, extra: &str) -> Result<ConnInfo> {
        let mut info = self.clone();
        for (keyword, value) in ConnInfo::parse(extra)?.params {
            info.set(keyword, value);
        }
        Ok(info)
    }

    /// A parameter as given, before environment and defaults.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.params
            .iter()
            .find(|(k, _)| k.name == key)
            .map(|(_, v)| v.as_str())
    }

    /// The text with secrets shown as `***`.
    pub fn masked(&self) -> String {
        self.render(true)
    }

    /// The text with its secrets, for storing a location or handing it to a child process; never for output.
    pub fn exposed(&self) -> String {
        self.render(false)
    }

    /// Works out every parameter: connection string, then service file, then environment, then defaults; and the
    /// passfile. Nothing is connected.
    pub fn resolve(&self) -> Result<Resolved> {
        self.resolve_in(&Surroundings::of_process())
    }

    pub(super) fn resolve_in(&self, surroundings: &Surroundings) -> Result<Resolved> {
        Resolved::new(self, surroundings)
    }

    pub(super) fn params(&self) -> impl Iterator<Item = (&'static Keyword, &str)> {
        self.params.iter().map(|(k, v)| (*k, v.as_str()))
    }

    fn set(&mut self, keyword: &'static Keyword, value: String) {
        match self.params.iter_mut().find(|(k, _)| k.name == keyword.name) {
            Some(slot) => slot.1 = value,
            None => self.params.push((keyword, value)),
        }
    }

    fn render(&self, mask: bool) -> String {
        let words: Vec<String> = self
            .params
            .iter()
            .map(|(k, v)| {
                let value = if mask && k.secret {
                    "***".to_owned()
                } else {
                    keyval::quote_value(v)
                };
                format!("{}={value}", k.name)
            })
            .collect();
        words.join(" ")
    }
}

impl fmt::Display for ConnInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl fmt::Debug for ConnInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConnInfo({})", self.masked())
    }
}

impl std::str::FromStr for ConnInfo {
    type Err = Error;

    fn from_str(text: &str) -> Result<ConnInfo> {
        ConnInfo::parse(text)
    }
}

/// The protocol ends a string at a zero byte, so a value with one would silently be cut.
fn refuse_nul(key: &str, value: &str) -> Result<()> {
    if value.contains('\0') {
        return Err(Error::config(format!(
            "connection parameter \"{key}\" contains a zero byte"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn later_parameters_win() {
        let info = ConnInfo::parse("host=a port=1 host=b").unwrap();
        assert_eq!(info.get("host"), Some("b"));
        let info = info
            .appended("port=2 sslmode=require")
            .unwrap()
            .with("dbname", "it's")
            .unwrap();
        assert_eq!(info.masked(), "host=b port=2 sslmode=require dbname='it\\'s'");
        assert_eq!(ConnInfo::parse(&info.exposed()).unwrap(), info);
        assert_eq!(info.with("hots", "x").unwrap_err().kind(), ErrorKind::Config);
    }

    #[test]
    fn secrets_stay_hidden() {
        let info = ConnInfo::parse("postgresql://u:s3cret@h/d?sslpassword=k3y").unwrap();
        for text in [info.masked(), format!("{info}"), format!("{info:?}")] {
            assert!(!text.contains("s3cret") && !text.contains("k3y"), "{text}");
            assert!(text.contains("password=***"));
        }
        assert!(info.exposed().contains("s3cret"));
        assert!(!format!("{:?}", info.resolve().unwrap()).contains("s3cret"));
    }
}
