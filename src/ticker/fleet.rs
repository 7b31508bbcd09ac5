//! The databases of one pgqd: finds them, starts serving new ones, lets vanished ones go.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::database::{Database, Shared};
use super::stats::Stats;
use super::{Periods, wal_watch};
use crate::config::pgqd::PgqdConfig;
use crate::error::Result;
use crate::pg::{AppName, ConnInfo, Session};
use crate::service::backoff::Backoff;
use crate::service::folded::Folded;
use crate::service::stop::{StopLevel, StopSignal, Stopper, stop_pair};
use crate::sql;

/// The same failure is told again after this time.
const TELL_AGAIN: Duration = Duration::from_secs(300);
/// First and longest pause after a failed look; `check_period` is used where it is shorter.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// All databases that are being served.
pub struct Fleet {
    config: PgqdConfig,
    members: BTreeMap<String, Member>,
    // Members that were told to leave and have not left yet.
    leaving: Vec<JoinHandle<()>>,
    wal_watch: Member,
    shared: Shared,
    periods: watch::Sender<Periods>,
    backoff: Backoff,
    folded: Folded,
}

struct Member {
    stopper: Stopper,
    work: JoinHandle<()>,
}

impl Fleet {
    /// Starts without any database; [`Self::run_once`] looks for them.
    pub fn new(config: PgqdConfig, stats: Arc<Stats>) -> Result<Self> {
        let (periods_sender, periods) = watch::channel(Periods::of(&config));
        let (places, place) = watch::channel(None);
        let served = Arc::new(AtomicUsize::new(0));
        let wal_watch = start_wal_watch(&config, &served, places)?;
        Ok(Self {
            config,
            members: BTreeMap::new(),
            leaving: Vec::new(),
            wal_watch,
            shared: Shared {
                periods,
                stats,
                served,
                place,
                recheck: Arc::new(Notify::new()),
            },
            periods: periods_sender,
            backoff: Backoff::new(PAUSES.0, PAUSES.1),
            folded: Folded::new(TELL_AGAIN),
        })
    }

    /// Told when a database seems to have vanished.
    pub fn recheck(&self) -> Arc<Notify> {
        self.shared.recheck.clone()
    }

    /// Finds the databases, starts and ends members; returns the pause before the next look. A failed look changes
    /// nothing.
    pub async fn run_once(&mut self, stop: &StopSignal) -> Result<Duration> {
        let check_period = self.shared.periods.borrow().check;
        let found = if self.config.database_list.is_empty() {
            match stop.unless_stopped(self.find_databases()).await {
                Ok(found) => found,
                Err(error) if error.is_interrupted() => return Err(error),
                Err(error) => {
                    if let Some(line) = self.folded.failed(&error.line()) {
                        tracing::error!("{}: {line}", self.config.initial_database);
                    }
                    return Ok(self.backoff.next_pause().min(check_period));
                }
            }
        } else {
            self.config.database_list.iter().cloned().collect()
        };
        self.backoff.reset();
        if let Some(line) = self.folded.recovered() {
            tracing::info!("[{}]: {line}", self.config.initial_database);
        }
        self.leaving.retain(|work| !work.is_finished());
        let gone: Vec<String> = self
            .members
            .keys()
            .filter(|name| !found.contains(*name))
            .cloned()
            .collect();
        for name in gone {
            tracing::info!("Unregister database: [{name}]");
            self.dismiss(&name);
        }
        for name in found {
            if !self.members.contains_key(&name) {
                let member = self.start(&name)?;
                self.members.insert(name, member);
            }
        }
        Ok(check_period)
    }

    /// Takes a new configuration. Periods take effect at once; a changed connect string connects everything anew.
    pub fn reload(&mut self, config: PgqdConfig) -> Result<()> {
        let reconnect = config.base_connstr != self.config.base_connstr
            || config.initial_database != self.config.initial_database;
        // A wrong string is refused before anything has changed.
        connect_string(&config, &config.initial_database)?;
        self.periods.send_replace(Periods::of(&config));
        self.config = config;
        if reconnect {
            for name in self.members.keys().cloned().collect::<Vec<_>>() {
                self.dismiss(&name);
            }
            let (places, place) = watch::channel(None);
            let old = std::mem::replace(
                &mut self.wal_watch,
                start_wal_watch(&self.config, &self.shared.served, places)?,
            );
            old.stopper.stop(StopLevel::Graceful);
            self.leaving.push(old.work);
            self.shared.place = place;
        }
        Ok(())
    }

    /// Ends all members and waits for them.
    pub async fn stop(mut self, level: StopLevel) {
        for name in self.members.keys().cloned().collect::<Vec<_>>() {
            if let Some(member) = self.members.remove(&name) {
                member.stopper.stop(level);
                self.leaving.push(member.work);
            }
        }
        self.wal_watch.stopper.stop(level);
        self.leaving.push(self.wal_watch.work);
        for work in self.leaving {
            // A member that broke has told so itself (a panic prints its own line).
            let _ = work.await;
        }
    }

    /// Asks all members to end at once; [`Self::stop`] then waits less.
    pub fn stoppers(&self) -> Vec<Stopper> {
        self.members
            .values()
            .chain([&self.wal_watch])
            .map(|member| member.stopper.clone())
            .collect()
    }

    fn dismiss(&mut self, name: &str) {
        if let Some(member) = self.members.remove(name) {
            member.stopper.stop(StopLevel::Graceful);
            self.leaving.push(member.work);
        }
    }

    fn start(&self, name: &str) -> Result<Member> {
        let (stopper, stop) = stop_pair();
        let database = Database {
            name: name.to_owned(),
            info: self.info_of(name)?,
            shared: self.shared.clone(),
        };
        let work = tokio::spawn(database.run(stop));
        Ok(Member { stopper, work })
    }

    fn info_of(&self, database: &str) -> Result<ConnInfo> {
        connect_string(&self.config, database)
    }

    async fn find_databases(&self) -> Result<BTreeSet<String>> {
        let info = self.info_of(&self.config.initial_database)?;
        let session = Session::connect(&info, &AppName::new("pgqd", "find", "")).await?;
        let rows = session.query(sql::ticker::FIND_DATABASES, &[]).await?;
        let found = rows.iter().map(|row| row.get("datname")).collect();
        session.close().await;
        Ok(found)
    }
}

/// `base_connstr` with its database.
pub fn connect_string(config: &PgqdConfig, database: &str) -> Result<ConnInfo> {
    ConnInfo::parse(&config.base_connstr)?.with("dbname", database)
}

fn start_wal_watch(
    config: &PgqdConfig,
    served: &Arc<AtomicUsize>,
    places: watch::Sender<wal_watch::Place>,
) -> Result<Member> {
    let (stopper, stop) = stop_pair();
    let info = connect_string(config, &config.initial_database)?;
    let work = tokio::spawn(wal_watch::run(info, served.clone(), places, stop));
    Ok(Member { stopper, work })
}
