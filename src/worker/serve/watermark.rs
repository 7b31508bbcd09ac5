//! Watermarks: which tick this node and all below it have passed, told to the provider; and how much a group of branches
//! keeps that agreed among themselves (`--sync-watermark`, cascade.md 6).

use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::Server;
use crate::config::londiste::LondisteConfig;
use crate::copy::remote_info;
use crate::error::{Error, ErrorKind, Result};
use crate::node::call_quietly;
use crate::node::info::{Member, load_info, load_members};
use crate::pg::{AppName, ConnInfo, Session};
use crate::pgq::TickId;
use crate::worker::node_state::Duty;

/// The nodes of a group are asked for so long; replay goes on meanwhile.
const ASKING: Duration = Duration::from_secs(30);

/// A round of questions to the other nodes of a group: the lowest tick that one of them still needs.
pub type GroupRound = JoinHandle<Result<Option<TickId>>>;

impl Server<'_> {
    /// Publishes what is due, by the clock and from fresh facts: also while no ticks arrive (C-18).
    pub(super) async fn publish_watermarks(&mut self, config: &LondisteConfig) -> Result<()> {
        if self.group_round.as_ref().is_some_and(JoinHandle::is_finished) {
            self.end_group_round(config).await?;
        }
        if self.next_local_watermark > Instant::now() {
            return Ok(());
        }
        self.next_local_watermark = Instant::now() + config.local_wm_publish_period;
        self.refresh(config).await?;
        if self.in_group() && self.group_round.is_none() {
            self.start_group_round(config).await?;
        }
        self.publish_local_watermark(config).await
    }

    fn in_group(&self) -> bool {
        self.node.duty == Duty::Branch && !self.node.sync_nodes.is_empty()
    }

    async fn publish_local_watermark(&mut self, config: &LondisteConfig) -> Result<()> {
        let Some(watermark) = self.node.local_watermark else {
            return Ok(());
        };
        let watermark = match self.behind {
            // What lies below is kept by the group; nobody above needs to wait for it.
            _ if self.in_group() => self.node.completed,
            Some(behind) => behind.min(watermark),
            None => watermark,
        };
        let sql = "select * from pgq_node.set_subscriber_watermark($1, $2, $3)";
        let client = &**self.reader()?.session();
        if let Err(error) = call_quietly(
            client,
            None,
            sql,
            &[&config.queue_name, &self.node.name, &watermark.0],
        )
        .await
        {
            if self.reader()?.session().is_closed() {
                return Err(error);
            }
            if error.kind() == ErrorKind::Refused {
                // Not backwards: this node was set back, and will come past it again.
                tracing::debug!("watermark {watermark}: {}", error.line());
                return Ok(());
            }
            tracing::warn!(
                "watermark {watermark} could not be told to {}: {}",
                self.node.provider,
                error.line()
            );
        }
        Ok(())
    }

    async fn start_group_round(&mut self, config: &LondisteConfig) -> Result<()> {
        let members = load_members(&*self.local, &config.queue_name).await?;
        match ask_whom(&self.node.name, &self.node.sync_nodes, &members) {
            Ok(asked) => {
                let infos = asked
                    .iter()
                    .map(|member| Ok((member.node_name.clone(), remote_info(config, &member.location)?)))
                    .collect::<Result<Vec<_>>>()?;
                let app = AppName::new("watermark", &self.node.name, &config.queue_name);
                let queue = config.queue_name.clone();
                self.group_round = Some(tokio::spawn(ask_group(infos, app, queue)));
            }
            Err(unknown) => self.tell_group(&format!(
                "node \"{unknown}\" of this node's sync_watermark is no member of queue \"{}\"",
                config.queue_name
            )),
        }
        Ok(())
    }

    /// The least of what the root says, what this node and those below it need, and what the others of the group need.
    async fn end_group_round(&mut self, config: &LondisteConfig) -> Result<()> {
        let Some(round) = self.group_round.take() else {
            return Ok(());
        };
        let lowest = match round.await {
            Ok(Ok(lowest)) => lowest,
            Ok(Err(error)) => {
                self.tell_group(&error.line());
                return Ok(());
            }
            Err(_) => return Ok(()),
        };
        if let Some(line) = self.group_failure.recovered() {
            tracing::info!("{line}");
        }
        self.refresh(config).await?;
        let provider = load_info(&**self.reader()?.session(), &config.queue_name).await?;
        let from_above = provider.and_then(|info| info.global_watermark);
        let (Some(from_above), Some(own), true) = (from_above, self.node.local_watermark, self.in_group())
        else {
            return Ok(());
        };
        let watermark = from_above.min(own).min(lowest.unwrap_or(own));
        if self.node.global_watermark != Some(watermark) {
            call_quietly(
                &*self.local,
                None,
                "select * from pgq_node.set_global_watermark($1, $2)",
                &[&config.queue_name, &watermark.0],
            )
            .await?;
            self.node.global_watermark = Some(watermark);
        }
        Ok(())
    }

    fn tell_group(&mut self, why: &str) {
        let line = format!("the watermark stands still until all nodes of its group can be asked: {why}");
        if let Some(line) = self.group_failure.failed(&line) {
            tracing::warn!("{line}");
        }
    }

    pub(super) async fn root_duties(&mut self, config: &LondisteConfig) -> Result<()> {
        let queue = &config.queue_name;
        let client = &*self.local;
        if self.next_global_watermark <= Instant::now() {
            self.next_global_watermark = Instant::now() + config.global_wm_publish_period;
            call_quietly(
                client,
                None,
                "select * from pgq_node.set_global_watermark($1, null)",
                &[queue],
            )
            .await?;
        }
        // A clock of its own: a node that becomes root publishes at once, or the next root might give its ids again.
        if self.next_seq_look <= Instant::now() {
            self.next_seq_look = Instant::now() + Duration::from_secs(1);
            call_quietly(
                client,
                None,
                "select * from londiste.root_check_seqs($1)",
                &[queue],
            )
            .await?;
        }
        Ok(())
    }
}

/// Those of a group that are to be asked: not this node, and not the dead ones.
///
/// # Errors
/// The name of one that nobody knows.
fn ask_whom<'m>(own: &str, group: &[String], members: &'m [Member]) -> Result<Vec<&'m Member>, String> {
    let mut asked = Vec::new();
    for name in group.iter().filter(|name| *name != own) {
        match members.iter().find(|member| member.node_name == *name) {
            Some(member) if member.dead => {}
            Some(member) => asked.push(member),
            None => return Err(name.clone()),
        }
    }
    Ok(asked)
}

async fn ask_group(nodes: Vec<(String, ConnInfo)>, app: AppName, queue: String) -> Result<Option<TickId>> {
    let mut lowest = None;
    for (name, info) in nodes {
        let asking = async {
            let session = Session::connect(&info, &app).await?;
            let found = load_info(&*session, &queue).await?;
            session.close().await;
            found
                .and_then(|info| info.local_watermark)
                .ok_or_else(|| Error::not_found(format!("it is no node of queue \"{queue}\"")))
        };
        let watermark = match tokio::time::timeout(ASKING, asking).await {
            Ok(answer) => answer.map_err(|error| error.context(format!("node \"{name}\"")))?,
            Err(_) => {
                return Err(Error::new(
                    ErrorKind::Timeout,
                    format!("node \"{name}\" has not answered for {} s", ASKING.as_secs()),
                ));
            }
        };
        lowest = Some(lowest.map_or(watermark, |lowest: TickId| lowest.min(watermark)));
    }
    Ok(lowest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dead_nodes_are_not_waited_for_and_unknown_ones_are_named() {
        let member = |name: &str, dead| Member {
            node_name: name.to_owned(),
            location: String::new(),
            dead,
        };
        let members = [member("a", false), member("b", true), member("c", false)];
        let group = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let ask = |names| {
            ask_whom("a", &group(names), &members)
                .map(|asked| asked.iter().map(|m| m.node_name.as_str()).collect::<Vec<_>>())
        };
        assert_eq!(ask(&["a", "b", "c"]), Ok(vec!["c"]));
        assert_eq!(ask(&["b"]), Ok(vec![]));
        assert_eq!(ask(&["c", "x"]), Err("x".to_owned()));
    }
}
