//! Opens connections to nodes under one name.

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
        let mut conninfo = ConnInfo::parse(location)?;
        if !self.remote_extra.is_empty() {
            conninfo = conninfo.appended(&self.remote_extra)?;
        }
        Session::connect(&conninfo, &self.app).await
    }
}
