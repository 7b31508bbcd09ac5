//! The commands `status` and `node-status`: ask the nodes, then print the tree or its JSON form.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt;
use serde::Serialize;
use tracing::{info, warn};

use super::admin::Admin;
use super::node::{JsonArgs, StatusArgs};
use crate::error::{Error, ErrorKind, Result};
use crate::node::info::{self, Member};
use crate::node::tree::{NodeFacts, TableCounts, render};
use crate::node::{Dialer, NodeInfo};
use crate::pg::{ConnInfo, Session};
use crate::pgq::{find_foreign_txids, urldict};
use crate::sql;

/// How long one node may take to answer before it counts as unreachable.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// What one node tells.
struct Answer {
    facts: NodeFacts,
    /// Where each consumer stands here: the time of its tick, in seconds since 1970.
    consumer_times: BTreeMap<String, f64>,
    /// The node's clock and the age of its newest tick.
    clock: Option<(f64, Option<f64>)>,
    worker: Option<String>,
}

#[derive(Serialize)]
struct StatusRecord<'a> {
    queue: &'a str,
    local_node: Option<&'a str>,
    nodes: &'a [NodeFacts],
}

pub(super) async fn status(mut admin: Admin, args: StatusArgs) -> Result<()> {
    let queue = admin.queue().to_owned();
    let Some(local) = admin.find_node_info().await? else {
        if args.json {
            return admin.ui.json(&StatusRecord {
                queue: &queue,
                local_node: None,
                nodes: &[],
            });
        }
        // Ancestor: exit status 0.
        admin.ui.line(format!("Queue: {queue}   Local node: None\n"));
        admin
            .ui
            .hint("make a node with create-root, create-branch or create-leaf");
        return Ok(());
    };
    let mut members = admin.members().await?;
    for name in &args.dead {
        let Some(member) = members.iter_mut().find(|m| &m.node_name == name) else {
            return Err(super::admin::unknown_node(name, &members));
        };
        info!("Assuming node '{name}' as dead");
        member.dead = true;
    }
    let nodes = ask_all(&admin, &queue, &members).await?;
    if args.json {
        return admin.ui.json(&StatusRecord {
            queue: &queue,
            local_node: Some(&local.node_name),
            nodes: &nodes,
        });
    }
    admin
        .ui
        .line(format!("Queue: {queue}   Local node: {}\n", local.node_name));
    admin
        .ui
        .print(render(&nodes, args.compact, admin.ui.has_colour()));
    Ok(())
}

pub(super) async fn node_status(mut admin: Admin, args: JsonArgs) -> Result<()> {
    let queue = admin.queue().to_owned();
    let local = admin.node_info().await?;
    let service = admin
        .members()
        .await?
        .iter()
        .find(|m| m.node_name == local.node_name)
        .and_then(|m| service_of(&m.location));
    let session = admin.local().await?;
    let subscribers = info::load_subscribers(&**session, &queue).await?;
    let answer = ask(session, &queue, local, service).await?;
    let mut nodes = vec![answer];
    // The lag of a node below the root is told by its provider, which is not asked here.
    let facts = finish(&mut nodes).remove(0);
    if args.json {
        #[derive(Serialize)]
        struct Record<'a> {
            queue: &'a str,
            #[serde(flatten)]
            facts: &'a NodeFacts,
            subscribers: &'a [String],
        }
        return admin.ui.json(&Record {
            queue: &queue,
            facts: &facts,
            subscribers: &subscribers,
        });
    }
    admin.ui.line(facts.title());
    admin.ui.line(format!(
        "    Provider: {}",
        facts.provider.as_deref().unwrap_or("--")
    ));
    admin
        .ui
        .line(format!("    Subscribers: {}", subscribers.join(", ")).trim_end());
    for line in facts.info_lines(admin.ui.has_colour()) {
        admin.ui.line(format!("    {line}"));
    }
    Ok(())
}

/// Asks all members at once, at most as many in parallel as the ancestor does.
async fn ask_all(admin: &Admin, queue: &str, members: &[Member]) -> Result<Vec<NodeFacts>> {
    let parallel = (members.len() / 4).clamp(1, 100).max(4);
    let work = futures::stream::iter(members.to_vec())
        .map(|member| async move { ask_member(admin.dialer(), queue, &member).await })
        .buffered(parallel)
        .collect::<Vec<_>>();
    let mut answers = admin.stop.unless_stopped(async { Ok(work.await) }).await?;
    Ok(finish(&mut answers))
}

async fn ask_member(dialer: &Dialer, queue: &str, member: &Member) -> Answer {
    let nothing = |failure: Option<String>| Answer {
        facts: NodeFacts {
            service: service_of(&member.location),
            ..NodeFacts::dead(&member.node_name, failure)
        },
        consumer_times: BTreeMap::new(),
        clock: None,
        worker: None,
    };
    if member.dead {
        return nothing(None);
    }
    let asking = async {
        let session = dialer.remote(&member.location).await?;
        let Some(node) = info::load_info(&*session, queue).await? else {
            return Err(Error::not_found(format!("no node of queue \"{queue}\" there")));
        };
        if node.node_name != member.node_name {
            return Err(Error::refused(format!(
                "its location leads to node \"{}\"",
                node.node_name
            )));
        }
        ask(&session, queue, node, service_of(&member.location)).await
    };
    let late = Error::new(
        ErrorKind::Timeout,
        format!("no answer within {} s", ANSWER_LIMIT.as_secs()),
    );
    match tokio::time::timeout(ANSWER_LIMIT, asking)
        .await
        .unwrap_or(Err(late))
    {
        Ok(answer) => answer,
        Err(error) => {
            let line = error.message().lines().next().unwrap_or_default().to_owned();
            warn!("Node '{}' failure: {line}", member.node_name);
            nothing(Some(line))
        }
    }
}

async fn ask(session: &Session, queue: &str, node: NodeInfo, service: Option<String>) -> Result<Answer> {
    let consumers = info::load_consumers(&**session, queue).await?;
    let ticks = session.query(sql::node::LIST_CONSUMER_TICKS, &[&queue]).await?;
    let consumer_times = ticks
        .iter()
        .filter_map(|row| {
            Some((
                row.get::<_, String>("consumer_name"),
                row.get::<_, Option<f64>>("tick_time")?,
            ))
        })
        .collect();
    let clock = session
        .query_opt(sql::node::LOAD_TICKER, &[&queue])
        .await?
        .map(|row| (row.get::<_, f64>("now"), row.get::<_, Option<f64>>("ticker_lag")));
    let counts = session.query_one(sql::node::COUNT_TABLES, &[&queue]).await;
    let tables = match counts {
        Ok(row) => Some(TableCounts {
            ok: row.get("ok"),
            half: row.get("half"),
            ignored: row.get("ignored"),
        }),
        Err(error) => {
            let error = Error::from(error);
            // invalid_schema_name: a cascade without londiste.
            if error.sqlstate() != Some("3F000") {
                return Err(error);
            }
            None
        }
    };
    let foreign = find_foreign_txids(session, Some(queue)).await?;
    let attrs = urldict::decode(node.node_attrs.as_deref().unwrap_or(""))?
        .into_iter()
        .map(|(key, value)| (key.into_owned(), value.unwrap_or_default().into_owned()))
        .collect();
    Ok(Answer {
        consumer_times,
        clock,
        worker: Some(node.worker_name),
        facts: NodeFacts {
            name: node.node_name,
            node_type: node.node_type.as_str().to_owned(),
            provider: node.provider_node,
            service,
            tables,
            lag_seconds: None,
            tick: node.worker_last_tick.map(|t| t.0),
            paused: node.worker_paused,
            uptodate: node.worker_uptodate,
            attrs,
            errors: consumers
                .into_iter()
                .filter_map(|c| Some((c.consumer_name, c.cur_error.filter(|e| !e.is_empty())?)))
                .chain(foreign.into_iter().map(|f| (f.queue.clone(), f.line())))
                .collect(),
            failure: None,
        },
    })
}

/// Fills the lags in: a root tells its ticker's, the lag of others is the root's clock minus the tick time that the
/// provider has recorded for the node's worker.
fn finish(answers: &mut Vec<Answer>) -> Vec<NodeFacts> {
    let root_now = answers
        .iter()
        .find(|a| a.facts.node_type == "root")
        .and_then(|a| a.clock)
        .map(|c| c.0);
    let lags: Vec<Option<f64>> = answers
        .iter()
        .map(|answer| {
            if answer.facts.node_type == "root" {
                return answer.clock.and_then(|c| c.1);
            }
            let provider = answer.facts.provider.as_deref()?;
            let worker = answer.worker.as_deref()?;
            let provider = answers.iter().find(|a| a.facts.name == provider)?;
            Some((root_now? - provider.consumer_times.get(worker)?).max(0.001))
        })
        .collect();
    answers
        .drain(..)
        .zip(lags)
        .map(|(answer, lag)| NodeFacts {
            lag_seconds: lag,
            ..answer.facts
        })
        .collect()
}

fn service_of(location: &str) -> Option<String> {
    ConnInfo::parse(location).ok()?.get("service").map(str::to_owned)
}
