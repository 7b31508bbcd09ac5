//! What the commands share: settings, the connection to the local node, connections to others, one place for the words about unknown nodes.

use super::Context;
use super::ui::Ui;
use crate::cascade::route;
use crate::config::londiste::LondisteConfig;
use crate::error::{Error, Result};
use crate::node::Dialer;
use crate::node::info::{self, Member, NodeInfo};
use crate::pg::{AppName, Session};
use crate::service::stop::StopSignal;

/// One run of an admin command for one job file.
pub struct Admin {
    /// Settings of the job file.
    pub config: LondisteConfig,
    /// The mouth.
    pub ui: Ui,
    /// Heard by everything that waits.
    pub stop: StopSignal,
    dialer: Dialer,
    local: Option<Session>,
}

impl Admin {
    pub(super) fn new(context: Context) -> Result<Self> {
        let config = context.config()?.clone();
        let node = config.node_name.as_deref().unwrap_or(&config.job_name);
        let dialer = Dialer::new(
            AppName::new("admin", node, &config.queue_name),
            &config.remote_extra_connstr,
        );
        Ok(Self {
            config,
            ui: context.ui,
            stop: context.stop,
            dialer,
            local: None,
        })
    }

    /// Name of the queue.
    pub fn queue(&self) -> &str {
        &self.config.queue_name
    }

    /// The connection to the local node's database; opened at the first call.
    pub async fn local(&mut self) -> Result<&mut Session> {
        if self.local.is_none() {
            let opening = self.dialer.local(&self.config.db);
            let session = self.stop.unless_stopped(opening).await.map_err(|e| {
                if e.is_interrupted() {
                    e
                } else {
                    e.context(format!("{}: key \"db\"", self.config.path.display()))
                }
            })?;
            self.local = Some(session);
        }
        self.local
            .as_mut()
            .ok_or_else(|| Error::internal("the local connection vanished"))
    }

    /// Lets go of the connection to the local node's database; the next call of [`Admin::local`] opens a new one.
    pub fn forget_local(&mut self) {
        self.local = None;
    }

    /// A new connection to another node's database, with `remote_extra_connstr` added.
    pub async fn remote(&self, location: &str) -> Result<Session> {
        self.stop.unless_stopped(self.dialer.remote(location)).await
    }

    /// What opens connections, for rooms below.
    pub fn dialer(&self) -> &Dialer {
        &self.dialer
    }

    /// The local node's facts.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::NotFound`] with a hint when the database has no node of the queue.
    pub async fn node_info(&mut self) -> Result<NodeInfo> {
        match self.find_node_info().await? {
            Some(info) => Ok(info),
            None => Err(
                Error::not_found(format!("this database has no node of queue \"{}\"", self.queue()))
                    .with_detail(format!("job file {}", self.config.path.display()))
                    .with_hint("make one with create-root, create-branch or create-leaf"),
            ),
        }
    }

    /// The local node's facts, if the database has a node of the queue.
    pub async fn find_node_info(&mut self) -> Result<Option<NodeInfo>> {
        let queue = self.config.queue_name.clone();
        info::load_info(&**self.local().await?, &queue).await
    }

    /// The members of the cascade that the local node knows, by name.
    pub async fn members(&mut self) -> Result<Vec<Member>> {
        let queue = self.config.queue_name.clone();
        info::load_members(&**self.local().await?, &queue).await
    }

    /// The members that the local node knows, and when `node` is not among them, those that the root knows: the local list
    /// may be old.
    ///
    /// # Errors
    /// When `node` is no member.
    pub async fn members_with(&mut self, node: &str) -> Result<Vec<Member>> {
        let mut members = self.members().await?;
        let is_there = |list: &[Member]| list.iter().any(|m| m.node_name == node);
        if is_there(&members) {
            return Ok(members);
        }
        let local = self.node_info().await?;
        let own = members.iter().find(|m| m.node_name == local.node_name);
        if let Some(own) = own.filter(|_| !local.is_root()) {
            let look = async {
                let root = route::find_root(&self.dialer, self.queue(), &own.location).await?;
                info::load_members(&*root.session, self.queue()).await
            };
            match self.stop.unless_stopped(look).await {
                Ok(at_root) if is_there(&at_root) => members = at_root,
                Err(error) if error.is_interrupted() => return Err(error),
                Ok(_) => {}
                Err(error) => tracing::warn!("the root was not asked for its members: {}", error.line()),
            }
        }
        if is_there(&members) {
            Ok(members)
        } else {
            Err(unknown_node(node, &members))
        }
    }

    /// Takes the named members as dead in this run. Ancestor: `--dead=NODE`.
    pub fn assume_dead(&self, members: &mut [Member], names: &[String]) -> Result<()> {
        for name in names {
            let Some(member) = members.iter_mut().find(|m| &m.node_name == name) else {
                return Err(unknown_node(name, members));
            };
            tracing::info!("Assuming node '{name}' as dead");
            member.dead = true;
        }
        Ok(())
    }

    /// A new connection to a member, by name.
    pub async fn member(&mut self, node: &str) -> Result<Session> {
        let members = self.members().await?;
        let Some(member) = members.iter().find(|m| m.node_name == node) else {
            return Err(unknown_node(node, &members));
        };
        self.remote(&member.location)
            .await
            .map_err(|e| e.context(format!("node \"{node}\"")))
    }

    /// A new connection to the provider of the local node; on a root to itself.
    pub async fn provider(&mut self) -> Result<Session> {
        let info = self.node_info().await?;
        match (&info.provider_location, &info.provider_node) {
            (Some(location), Some(node)) => self
                .remote(location)
                .await
                .map_err(|e| e.context(format!("provider \"{node}\""))),
            _ => Err(Error::refused(format!(
                "the provider of node \"{}\" is not known here",
                info.node_name
            ))
            .with_hint("\"londiste members\" lists the nodes that are known here")),
        }
    }
}

pub use crate::node::info::unknown_member as unknown_node;
