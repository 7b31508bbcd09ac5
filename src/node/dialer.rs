//! Opens connections to nodes under one name.

use std::time::Duration;

use crate::error::Result;
use crate::pg::{AppName, ConnInfo, Session};

/// Who calls, and what is added to the locations of other nodes.
#[derive(Debug, Clone)]
pub struct Dialer {
    app: AppName,
    remote_extra: String,
}

impl Dialer {
    /// `remote_extra` is the job file's `remote_extra_connstr`; it may be empty.
    pub fn new(app: AppName, remote_extra: &str) -> Self {
        Self {
            app,
            remote_extra: remote_extra.trim().to_owned(),
        }
    }

    /// Opens the local node's database.
    pub async fn local(&self, connstr: &str) -> Result<Session> {
        Session::connect(&ConnInfo::parse(connstr)?, &self.app).await
    }

    /// Opens another node's database by its location, with the extra parameters added.
    pub async fn remote(&self, location: &str) -> Result<Session> {
        Session::connect(&self.conninfo(location)?, &self.app).await
    }

    /// The same for who waits `limit` in all: where several servers are named, each gets its part of that, so that the
    /// ones behind a dead one are tried, too.
    pub async fn remote_within(&self, location: &str, limit: Duration) -> Result<Session> {
        let mut conninfo = self.conninfo(location)?;
        let hosts = ["host", "hostaddr"]
            .iter()
            .filter_map(|key| conninfo.get(key))
            .map(|list| list.split(',').count())
            .max()
            .unwrap_or(1);
        if hosts > 1 && conninfo.get("connect_timeout").is_none() {
            let each = (limit.as_secs() / hosts as u64).max(2);
            conninfo = conninfo.with("connect_timeout", &each.to_string())?;
        }
        Session::connect(&conninfo, &self.app).await
    }

    fn conninfo(&self, location: &str) -> Result<ConnInfo> {
        let conninfo = ConnInfo::parse(location)?;
        if self.remote_extra.is_empty() {
            Ok(conninfo)
        } else {
            conninfo.appended(&self.remote_extra)
        }
    }
}
