//! Asks all members of a cascade at once what they are and how they are; puts the answers together.
//!
//! The local node's list of members may be old, so those who are asked tell whom they know, and who is new is asked, too;
//! where the lists differ the root's counts. A member that does not answer within the limit is shown with the reason,
//! and with what its provider knows of it. Nothing is changed anywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::StreamExt;
use serde::Serialize;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::facts::{DatabaseSide, NodeFacts, TableCounts, WorkerFacts, WorkerState, WorkerTraces};
use super::info::{self, Member};
use super::{Dialer, NodeInfo};
use crate::error::{Error, ErrorKind, Result};
use crate::install;
use crate::pg::{ConnInfo, Session};
use crate::pgq::{find_foreign_txids, urldict};
use crate::sql;

/// How many members are asked at the same time.
const AT_ONCE: usize = 100;

/// A change of the cascade that is recorded on its nodes: under way, or interrupted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlanMark {
    /// Its id.
    pub plan_id: String,
    /// The command.
    pub command: String,
    /// Who gave it.
    pub admin: String,
    /// When.
    pub since: String,
    /// The node that keeps the plan.
    pub home_node: String,
}

/// Where one consumer of a node's queue stands there.
struct ReaderFacts {
    tick: Option<i64>,
    tick_time: Option<f64>,
    pending: Option<i64>,
    seen_seconds: Option<f64>,
}

/// What one node tells.
pub struct Answer {
    facts: NodeFacts,
    readers: BTreeMap<String, ReaderFacts>,
    /// Name of each node that reads from it, with the consumer that it uses.
    subscribers: Vec<(String, String)>,
    /// The node's clock, in seconds since 1970, and the age of its newest tick.
    clock: Option<(f64, Option<f64>)>,
    traces: WorkerTraces,
    members: Vec<Member>,
    plan: Option<PlanMark>,
}

/// What all nodes told.
#[derive(Debug)]
pub struct Survey {
    /// One entry per member, by name.
    pub nodes: Vec<NodeFacts>,
    /// What is odd about the cascade as a whole.
    pub notes: Vec<String>,
    /// The change of the cascade that is not finished.
    pub plan: Option<PlanMark>,
}

/// Whom to ask, and for how long.
pub struct Surveyor<'a> {
    /// Opens connections.
    pub dialer: &'a Dialer,
    /// The queue.
    pub queue: &'a str,
    /// How long one node may take.
    pub limit: Duration,
    /// Members that are not tried, because somebody says that they are dead.
    pub assumed_dead: &'a [String],
}

impl Surveyor<'_> {
    /// Asks the local node over `local`, then everybody whom the nodes know.
    ///
    /// # Errors
    /// When the local node cannot be asked; what others fail at is told in the survey.
    pub async fn survey(&self, local: &Session, node: NodeInfo, members: &[Member]) -> Result<Survey> {
        let own_name = node.node_name.clone();
        let own = members.iter().find(|m| m.node_name == own_name);
        let mut round = Round {
            local_members: members.to_vec(),
            ..Round::default()
        };
        if !self.assumed_dead.contains(&own_name) {
            let service = own.and_then(|m| service_of(&m.location));
            let answer = self.limited(ask(local, self.queue, node, service)).await?;
            round.answers.insert(own_name, answer);
        }
        loop {
            let next = round.next_to_ask(self.assumed_dead);
            if next.is_empty() {
                break;
            }
            let outcomes: Vec<(Member, Result<Answer>)> = futures::stream::iter(next)
                .map(|member| async move {
                    let answer = self.limited(self.ask_member(&member)).await;
                    (member, answer)
                })
                .buffer_unordered(AT_ONCE)
                .collect()
                .await;
            for (member, outcome) in outcomes {
                round.hear(member, outcome);
            }
        }
        Ok(round.finish(self.assumed_dead))
    }

    async fn limited<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::time::timeout(self.limit, work).await.unwrap_or_else(|_| {
            Err(Error::new(
                ErrorKind::Timeout,
                format!("no answer within {} s", self.limit.as_secs_f64()),
            ))
        })
    }

    async fn ask_member(&self, member: &Member) -> Result<Answer> {
        let session = self.dialer.remote_within(&member.location, self.limit).await?;
        let answered = async {
            let Some(node) = info::load_info(&*session, self.queue).await? else {
                return Err(Error::not_found(format!(
                    "no node of queue \"{}\" there",
                    self.queue
                )));
            };
            if node.node_name != member.node_name {
                return Err(Error::refused(format!(
                    "its location leads to node \"{}\"",
                    node.node_name
                )));
            }
            ask(&session, self.queue, node, service_of(&member.location)).await
        };
        answered.await.map_err(|error| lacks_rights(error, &session))
    }
}

/// The error of a role that may not look, told with the role's name.
pub fn lacks_rights(error: Error, session: &Session) -> Error {
    if error.sqlstate() != Some("42501") {
        return error;
    }
    let user = session
        .info()
        .resolve()
        .map(|r| r.user.clone())
        .unwrap_or_default();
    error
        .context(format!(
            "role \"{user}\" may not look at it (grant it pgq_reader)"
        ))
        .with_hint(format!("grant pgq_reader to {}", crate::pg::quote_ident(&user)))
}

/// Asks one node everything that is shown of it.
pub async fn ask(session: &Session, queue: &str, node: NodeInfo, service: Option<String>) -> Result<Answer> {
    // Sent together: a node far away answers once instead of ten times.
    let worker_key: &[&(dyn ToSql + Sync)] = &[&queue, &node.worker_name];
    let queue_key = &worker_key[..1];
    let (members, consumers, readers, subscribers, clock, counts, worker, foreign) = futures::join!(
        info::load_members(&**session, queue),
        info::load_consumers(&**session, queue),
        session.query(sql::node::LIST_CONSUMER_TICKS, queue_key),
        session.query(sql::node::LIST_SUBSCRIBERS, queue_key),
        session.query_opt(sql::node::LOAD_TICKER, queue_key),
        session.query_one(sql::node::COUNT_TABLES, queue_key),
        session.query_one(sql::node::LOAD_WORKER, worker_key),
        find_foreign_txids(session, Some(queue)),
    );
    let (members, consumers, foreign) = (members?, consumers?, foreign?);
    let (mut traces, version, records) = load_records(session, queue, &node, &worker?).await?;
    let readers = readers?
        .iter()
        .map(|row| {
            let facts = ReaderFacts {
                tick: row.get("last_tick"),
                tick_time: row.get("tick_time"),
                pending: row.get::<_, Option<i64>>("pending").filter(|n| *n >= 0),
                seen_seconds: row.get("seen_seconds"),
            };
            (row.get("consumer_name"), facts)
        })
        .collect();
    let subscribers: Vec<(String, String)> = subscribers?
        .iter()
        .map(|row| (row.get("node_name"), row.get("worker_name")))
        .collect();
    let clock = clock?.map(|row| (row.get::<_, f64>("now"), row.get::<_, Option<f64>>("ticker_lag")));
    let attrs = urldict::decode(node.node_attrs.as_deref().unwrap_or(""))?
        .into_iter()
        .map(|(key, value)| (key.into_owned(), value.unwrap_or_default().into_owned()))
        .collect();
    let errors: Vec<(String, String)> = consumers
        .into_iter()
        .filter_map(|c| Some((c.consumer_name, c.cur_error.filter(|e| !e.is_empty())?)))
        .collect();
    traces.failed = errors.iter().any(|(consumer, _)| *consumer == node.worker_name);
    let tables = count_tables(counts, &node.worker_name, &errors)?;
    let database = load_database(session, records.schemas).await?;
    Ok(Answer {
        readers,
        clock,
        traces,
        members,
        plan: records.plan,
        facts: NodeFacts {
            name: node.node_name,
            node_type: node.node_type.as_str().to_owned(),
            // Told by the lists of members.
            dead: false,
            provider: node.provider_node,
            subscribers: subscribers.iter().map(|(name, _)| name.clone()).collect(),
            combined_queue: node.combined_queue,
            service,
            tables,
            parked_events: records.parked,
            lag_seconds: None,
            lag_ticks: None,
            lag_events: None,
            tick: node.worker_last_tick.map(|t| t.0),
            watermark: node.local_watermark.map(|t| t.0),
            global_watermark: node.global_watermark.map(|t| t.0),
            worker: Some(WorkerFacts {
                name: node.worker_name,
                // Judged when the provider was heard, too.
                state: WorkerState::Never,
                since_seconds: None,
                version,
            }),
            database: Some(database),
            paused: node.worker_paused,
            uptodate: node.worker_uptodate,
            attrs,
            errors: errors
                .into_iter()
                .chain(foreign.into_iter().map(|f| (f.queue.clone(), f.line())))
                .collect(),
            failure: None,
        },
        subscribers,
    })
}

fn count_tables(
    counts: std::result::Result<Row, tokio_postgres::Error>,
    worker: &str,
    errors: &[(String, String)],
) -> Result<Option<TableCounts>> {
    let row = match counts {
        Ok(row) => row,
        Err(error) => {
            let error = Error::from(error);
            // A cascade without londiste, or a role that may look at queues only.
            return match error.sqlstate() {
                Some("3F000" | "42501") => Ok(None),
                _ => Err(error),
            };
        }
    };
    let copy = format!("{worker}.copy.");
    Ok(Some(TableCounts {
        ok: row.get("ok"),
        half: row.get("half"),
        ignored: row.get("ignored"),
        broken: errors
            .iter()
            .filter_map(|(consumer, _)| consumer.strip_prefix(&copy))
            .map(str::to_owned)
            .collect(),
    }))
}

/// What our own tables say.
struct Records {
    /// The installed versions; none where that cannot be read.
    schemas: Option<BTreeMap<String, String>>,
    plan: Option<PlanMark>,
    parked: Option<i64>,
}

/// What `work` answers if the database has what it asks for.
async fn when<T>(
    there: bool,
    work: impl Future<Output = std::result::Result<T, tokio_postgres::Error>>,
) -> std::result::Result<Option<T>, tokio_postgres::Error> {
    if there { work.await.map(Some) } else { Ok(None) }
}

/// The traces of the node's worker, the version of its program, and what is recorded beside.
async fn load_records(
    session: &Session,
    queue: &str,
    node: &NodeInfo,
    row: &Row,
) -> Result<(WorkerTraces, Option<String>, Records)> {
    let worker_key: &[&(dyn ToSql + Sync)] = &[&queue, &node.worker_name];
    let queue_key = &worker_key[..1];
    let mut traces = WorkerTraces {
        locked: row.get("running"),
        retrying: row.get("retrying"),
        uptodate: node.worker_uptodate,
        ..WorkerTraces::default()
    };
    let has = |column: &str| row.get::<_, bool>(column);
    let (record, schemas, plan, parked) = futures::join!(
        when(
            has("has_record"),
            session.query_opt(sql::node::LOAD_WORKER_RECORD, worker_key)
        ),
        when(
            has("has_component"),
            session.query(sql::install::LOAD_VERSIONS, &worker_key[..0])
        ),
        when(
            has("has_plan"),
            session.query_opt(sql::cascade::LOAD_PLAN, queue_key)
        ),
        when(
            has("has_parked"),
            session.query_one(sql::node::COUNT_PARKED, queue_key)
        ),
    );
    let mut version = None;
    if let Some(record) = record?.flatten() {
        traces.noted = Some((record.get("started_seconds"), record.get("seen_seconds")));
        version = Some(record.get("version"));
    }
    let versions = |rows: Vec<Row>| {
        rows.iter()
            .map(|row| (row.get("schema_name"), row.get("version")))
            .collect()
    };
    let records = Records {
        schemas: schemas?.map(versions),
        plan: plan?.flatten().map(|row| PlanMark {
            plan_id: row.get("plan_id"),
            command: row.get("command"),
            admin: row.get("admin"),
            since: row.get("since"),
            home_node: row.get("home_node"),
        }),
        parked: parked?.map(|row| row.get("parked")),
    };
    Ok((traces, version, records))
}

async fn load_database(
    session: &Session,
    recorded: Option<BTreeMap<String, String>>,
) -> Result<DatabaseSide> {
    let mut schemas = recorded.unwrap_or_default();
    let mut differs = Vec::new();
    for name in ["pgq", "pgq_node", "londiste", "londiste_rs"] {
        if let Some(version) = schemas.get(name)
            && let Some(text) = install::compare_version(name, version)
        {
            differs.push(text);
        }
    }
    if !schemas.contains_key("pgq") || !schemas.contains_key("pgq_node") {
        let row = session.query_one(sql::node::LOAD_VERSIONS, &[]).await?;
        for name in ["pgq", "pgq_node"] {
            if !schemas.contains_key(name) {
                let version: String = row.get(name);
                differs.push(format!("{name} {version} of Londiste 3"));
                schemas.insert(name.to_owned(), version);
            }
        }
    }
    Ok(DatabaseSide { schemas, differs })
}

/// `service` of a location.
pub fn service_of(location: &str) -> Option<String> {
    ConnInfo::parse(location).ok()?.get("service").map(str::to_owned)
}

/// A single node's own facts, without what its provider and the root know.
pub fn finish_alone(answer: Answer) -> NodeFacts {
    let mut round = Round::default();
    let name = answer.facts.name.clone();
    let alone = answer.facts.clone();
    round.answers.insert(name.clone(), answer);
    let nodes = round.finish(&[]).nodes;
    nodes.into_iter().find(|n| n.name == name).unwrap_or(alone)
}

/// What was heard so far.
#[derive(Default)]
struct Round {
    local_members: Vec<Member>,
    answers: BTreeMap<String, Answer>,
    failures: BTreeMap<String, (ErrorKind, String)>,
    tried: BTreeSet<(String, String)>,
}

impl Round {
    fn roots(&self) -> Vec<&Answer> {
        self.answers
            .values()
            .filter(|a| a.facts.node_type == "root")
            .collect()
    }

    /// The list of members that counts: of the only root.
    fn list_of_root(&self) -> Option<&[Member]> {
        match self.roots()[..] {
            [root] => Some(&root.members),
            _ => None,
        }
    }

    /// Every place where a member may be, the root's first.
    fn candidates(&self) -> Vec<&Member> {
        let others = self.answers.values().flat_map(|a| &a.members);
        self.list_of_root()
            .unwrap_or_default()
            .iter()
            .chain(&self.local_members)
            .chain(others)
            .collect()
    }

    fn is_dead(&self, name: &str, assumed_dead: &[String]) -> bool {
        let lists = [self.list_of_root(), Some(&self.local_members[..])];
        let said = lists
            .into_iter()
            .flatten()
            .find_map(|list| list.iter().find(|m| m.node_name == name))
            .or_else(|| self.candidates().into_iter().find(|m| m.node_name == name));
        assumed_dead.iter().any(|dead| dead == name) || said.is_some_and(|m| m.dead)
    }

    /// Members who have not answered, each at a place where they were not looked for yet.
    fn next_to_ask(&self, assumed_dead: &[String]) -> Vec<Member> {
        let mut next: BTreeMap<&str, &Member> = BTreeMap::new();
        for member in self.candidates() {
            let name = member.node_name.as_str();
            if !self.answers.contains_key(name)
                && !self
                    .tried
                    .contains(&(member.node_name.clone(), member.location.clone()))
                && !self.is_dead(name, assumed_dead)
            {
                next.entry(name).or_insert(member);
            }
        }
        next.into_values().cloned().collect()
    }

    fn hear(&mut self, member: Member, outcome: Result<Answer>) {
        self.tried.insert((member.node_name.clone(), member.location));
        match outcome {
            Ok(answer) => {
                self.failures.remove(&member.node_name);
                self.answers.insert(member.node_name, answer);
            }
            Err(error) => {
                let line = error.message().lines().next().unwrap_or_default().to_owned();
                self.failures.insert(member.node_name, (error.kind(), line));
            }
        }
    }

    fn finish(mut self, assumed_dead: &[String]) -> Survey {
        let mut notes = Vec::new();
        let mut services: BTreeMap<String, Option<String>> = BTreeMap::new();
        for member in self.candidates() {
            services
                .entry(member.node_name.clone())
                .or_insert_with(|| service_of(&member.location));
        }
        let at_root: Option<BTreeSet<String>> = self
            .list_of_root()
            .map(|list| list.iter().map(|m| m.node_name.clone()).collect());
        let is_gone = |name: &str| at_root.as_ref().is_some_and(|known| !known.contains(name));

        let mut silent = Vec::new();
        for (name, service) in services {
            if self.answers.contains_key(&name) {
                continue;
            }
            let failure = self.failures.remove(&name);
            if is_gone(&name) {
                notes.push(format!(
                    "node \"{name}\" was dropped; this node has not heard of it yet"
                ));
                continue;
            }
            let dead = self.is_dead(&name, assumed_dead);
            silent.push(NodeFacts {
                dead,
                service,
                ..NodeFacts::dead(&name, failure.filter(|_| !dead).map(|(_, line)| line))
            });
        }
        for name in self.answers.keys() {
            if is_gone(name) {
                notes.push(format!(
                    "node \"{name}\" lives, but the root does not know it: \"londiste drop-node {name}\", or create it anew"
                ));
            }
        }
        let dead: Vec<String> = self
            .answers
            .keys()
            .filter(|name| self.is_dead(name, assumed_dead))
            .cloned()
            .collect();
        for answer in self.answers.values_mut() {
            answer.facts.dead = dead.contains(&answer.facts.name);
        }
        let mut nodes = self.with_lags(silent);
        nodes.sort_by(|a, b| a.name.cmp(&b.name));
        notes.extend(oddities(&nodes));
        let plan = self.answers.values().find_map(|a| a.plan.clone());
        if let Some(plan) = &plan {
            notes.push(format!(
                "\"{}\" of {}, begun {}, is not finished: if nobody runs it, \"londiste continue\" finishes it, \
                 \"londiste undo\" takes it back",
                plan.command, plan.admin, plan.since
            ));
        }
        Survey { nodes, notes, plan }
    }

    /// Fills in what only others know: lags, and how long ago the provider heard of a worker. A root tells its ticker's
    /// lag; the lag of others is the root's clock minus the tick time that the provider has recorded for the worker.
    fn with_lags(&self, silent: Vec<NodeFacts>) -> Vec<NodeFacts> {
        let mut nodes = Vec::new();
        for answer in self.answers.values() {
            let mut facts = answer.facts.clone();
            let reader = self.reader_of(answer);
            if facts.node_type == "root" {
                facts.lag_seconds = answer.clock.and_then(|c| c.1);
            } else if let Some(root) = self.root_above(answer) {
                facts.lag_seconds = self.lag_seconds(root, reader);
                facts.lag_ticks = Some((root.facts.tick.unwrap_or(0) - facts.tick.unwrap_or(0)).max(0));
                facts.lag_events = self.lag_events(answer);
            }
            if let Some(worker) = &mut facts.worker {
                let traces = WorkerTraces {
                    read_seconds: reader.and_then(|r| r.seen_seconds),
                    ..answer.traces
                };
                (worker.state, worker.since_seconds) = traces.judge();
            }
            nodes.push(facts);
        }
        // Of a node that does not answer its provider knows something, too.
        for mut facts in silent {
            let providers: Vec<(&Answer, &String)> = self
                .answers
                .values()
                .flat_map(|a| a.subscribers.iter().map(move |(name, worker)| (a, name, worker)))
                .filter(|(_, name, _)| **name == facts.name)
                .map(|(answer, _, worker)| (answer, worker))
                .collect();
            if let [(provider, worker)] = providers[..] {
                let reader = provider.readers.get(worker);
                facts.provider = Some(provider.facts.name.clone());
                facts.tick = reader.and_then(|r| r.tick);
                if let Some(root) = self.root_from(provider) {
                    facts.lag_seconds = self.lag_seconds(root, reader);
                }
            }
            nodes.push(facts);
        }
        nodes
    }

    fn lag_seconds(&self, root: &Answer, reader: Option<&ReaderFacts>) -> Option<f64> {
        Some((root.clock?.0 - reader?.tick_time?).max(0.001))
    }

    fn provider_of(&self, answer: &Answer) -> Option<&Answer> {
        let provider = answer.facts.provider.as_deref()?;
        (provider != answer.facts.name).then_some(())?;
        self.answers.get(provider)
    }

    fn reader_of(&self, answer: &Answer) -> Option<&ReaderFacts> {
        let worker = answer.facts.worker.as_ref()?;
        self.provider_of(answer)?.readers.get(&worker.name)
    }

    fn root_above(&self, answer: &Answer) -> Option<&Answer> {
        self.root_from(self.provider_of(answer)?)
    }

    /// The root that feeds a node, or the only one that there is.
    fn root_from<'a>(&'a self, from: &'a Answer) -> Option<&'a Answer> {
        let mut at = from;
        for _ in 0..self.answers.len() {
            if at.facts.node_type == "root" {
                return Some(at);
            }
            match self.provider_of(at) {
                Some(provider) => at = provider,
                None => break,
            }
        }
        match self.roots()[..] {
            [root] => Some(root),
            _ => None,
        }
    }

    /// What the provider has for the node, and what the provider itself lacks.
    fn lag_events(&self, answer: &Answer) -> Option<i64> {
        let mut at = answer;
        let mut sum = 0;
        for _ in 0..self.answers.len() {
            if at.facts.node_type == "root" {
                return Some(sum);
            }
            sum += self.reader_of(at)?.pending?;
            at = self.provider_of(at)?;
        }
        None
    }
}

/// What does not fit together: two roots, none, subscriptions that nobody uses.
fn oddities(nodes: &[NodeFacts]) -> Vec<String> {
    let mut notes = Vec::new();
    let roots: Vec<&str> = nodes
        .iter()
        .filter(|n| n.node_type == "root")
        .map(|n| n.name.as_str())
        .collect();
    if roots.len() > 1 {
        notes.push(format!(
            "there are {} roots ({}): a switchover is not finished, or an old root has come back",
            roots.len(),
            roots.join(", ")
        ));
    } else if roots.is_empty() && nodes.iter().any(NodeFacts::is_silent) {
        notes.push("no root has answered: lags are not known".to_owned());
    }
    let answered = |name: &str| nodes.iter().find(|n| n.name == name && !n.is_silent());
    for node in nodes.iter().filter(|n| !n.is_silent()) {
        let provider = node.provider.as_deref().unwrap_or_default();
        if node.node_type != "root"
            && let Some(provider) = answered(provider)
            && !provider.subscribers.contains(&node.name)
        {
            notes.push(format!(
                "node \"{}\" reads from \"{}\", but is no subscriber there",
                node.name, provider.name
            ));
        }
        for subscriber in &node.subscribers {
            if let Some(reader) = answered(subscriber)
                && reader.provider.as_deref() != Some(&node.name)
            {
                notes.push(format!(
                    "node \"{}\" keeps events for \"{subscriber}\", which reads from \"{}\"",
                    node.name,
                    reader.provider.as_deref().unwrap_or("nobody")
                ));
            }
        }
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, node_type: &str, provider: &str, subscribers: &[&str]) -> NodeFacts {
        NodeFacts {
            node_type: node_type.to_owned(),
            provider: Some(provider.to_owned()),
            subscribers: subscribers.iter().map(|s| (*s).to_owned()).collect(),
            ..NodeFacts::dead(name, None)
        }
    }

    #[test]
    fn what_does_not_fit_together_is_noted() {
        let good = [node("a", "root", "a", &["b"]), node("b", "leaf", "a", &[])];
        assert_eq!(oddities(&good), [""; 0]);
        let two = [node("a", "root", "a", &[]), node("b", "root", "b", &[])];
        assert_eq!(
            oddities(&two),
            ["there are 2 roots (a, b): a switchover is not finished, or an old root has come back"]
        );
        let half = [
            node("a", "root", "a", &["b", "c"]),
            node("b", "branch", "a", &[]),
            node("c", "leaf", "b", &[]),
        ];
        assert_eq!(
            oddities(&half),
            [
                "node \"a\" keeps events for \"c\", which reads from \"b\"",
                "node \"c\" reads from \"b\", but is no subscriber there"
            ]
        );
    }

    fn answer(facts: NodeFacts, readers: &[(&str, i64)], members: &[(&str, bool)]) -> Answer {
        Answer {
            subscribers: facts
                .subscribers
                .iter()
                .map(|s| (s.clone(), format!("w_{s}")))
                .collect(),
            readers: readers
                .iter()
                .map(|(name, pending)| {
                    let facts = ReaderFacts {
                        tick: Some(5),
                        tick_time: Some(90.0),
                        pending: Some(*pending),
                        seen_seconds: Some(1.0),
                    };
                    ((*name).to_owned(), facts)
                })
                .collect(),
            clock: Some((100.0, Some(2.0))),
            traces: WorkerTraces::default(),
            plan: None,
            members: members
                .iter()
                .map(|(name, dead)| Member {
                    node_name: (*name).to_owned(),
                    location: format!("dbname={name}"),
                    dead: *dead,
                })
                .collect(),
            facts: NodeFacts {
                worker: Some(WorkerFacts {
                    name: format!("w_{}", facts.name),
                    state: WorkerState::Never,
                    since_seconds: None,
                    version: None,
                }),
                tick: Some(9),
                ..facts
            },
        }
    }

    fn round(answers: Vec<Answer>, local: &[(&str, bool)]) -> Round {
        let local = answer(node("x", "leaf", "x", &[]), &[], local).members;
        Round {
            local_members: local,
            answers: answers.into_iter().map(|a| (a.facts.name.clone(), a)).collect(),
            ..Round::default()
        }
    }

    #[test]
    fn c21_the_roots_list_of_members_counts() {
        let root = || {
            answer(
                node("a", "root", "a", &[]),
                &[],
                &[("a", false), ("b", false), ("c", true)],
            )
        };
        // The local node still knows d, thinks that b is dead, and has not heard of c.
        let mut round = round(vec![root()], &[("a", false), ("b", true), ("d", false)]);
        let names: Vec<String> = round.next_to_ask(&[]).into_iter().map(|m| m.node_name).collect();
        assert_eq!(names, ["b", "d"]);
        for member in round.next_to_ask(&[]) {
            round.hear(member, Err(Error::not_found("no answer")));
        }
        assert!(round.next_to_ask(&[]).is_empty());
        let survey = round.finish(&[]);
        let shown: Vec<(&str, bool, Option<&str>)> = survey
            .nodes
            .iter()
            .map(|n| (n.name.as_str(), n.dead, n.failure.as_deref()))
            .collect();
        assert_eq!(
            shown,
            [
                ("a", false, None),
                ("b", false, Some("no answer")),
                ("c", true, None)
            ]
        );
        assert_eq!(
            survey.notes,
            ["node \"d\" was dropped; this node has not heard of it yet"]
        );
    }

    #[test]
    fn events_behind_are_summed_up_to_the_root() {
        let members = [("a", false), ("b", false), ("c", false), ("d", false)];
        let answers = vec![
            answer(node("a", "root", "a", &["b"]), &[("w_b", 30)], &members),
            answer(
                node("b", "branch", "a", &["c", "d"]),
                &[("w_c", 12), ("w_d", 7)],
                &members,
            ),
            answer(node("c", "leaf", "b", &[]), &[], &members),
        ];
        let mut round = round(answers, &members);
        for member in round.next_to_ask(&[]) {
            round.hear(member, Err(Error::not_found("gone")));
        }
        let survey = round.finish(&[]);
        let events: Vec<Option<i64>> = survey.nodes.iter().map(|n| n.lag_events).collect();
        assert_eq!(events, [None, Some(30), Some(42), None]);
        // d does not answer, but its provider knows it.
        let d = &survey.nodes[3];
        assert_eq!(
            (d.provider.as_deref(), d.tick, d.lag_seconds),
            (Some("b"), Some(5), Some(10.0))
        );
    }
}
