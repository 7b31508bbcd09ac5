//! What a worker does beside replay, each at its own pace: tables on their way, foreign keys, stray consumers.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::Server;
use crate::config::londiste::LondisteConfig;
use crate::copy::{drop_consumer, forget_void_runs, remote_info};
use crate::error::{Error, Result};
use crate::pg::{AppName, Session};
use crate::service::fault;
use crate::sql;
use crate::table::{
    Table, TableState, WorkerFacts, WorkerMove, copy_consumer, load_tables, plan_worker, store_state,
};
use crate::worker::foreign_key::{drop_foreign_keys, restore_foreign_keys};
use crate::worker::node_state::Duty;

/// How often foreign keys that wait are tried again.
const KEY_PERIOD: Duration = Duration::from_secs(30);
/// How often stray copies are looked for, and tried again to be removed; one that is seen among the tables goes at once.
const STRAY_PERIOD: Duration = Duration::from_secs(60);

impl Server<'_> {
    /// Starts copies for the tables that need one.
    pub(super) async fn move_tables(&mut self, config: &LondisteConfig) -> Result<()> {
        let queue = config.queue_name.as_str();
        let running = self.copies.running().clone();
        let waiting = self
            .tables
            .values()
            .any(|t| t.state != TableState::Ok && !running.contains(&t.name));
        if !waiting || self.node.duty == Duty::Root || self.node.duty == Duty::MergeIntoBranch {
            return Ok(());
        }
        let available = self.provider_tables(config).await?;
        let facts = WorkerFacts {
            completed: self.node.completed,
            running: &running,
            slots: config.parallel_copies,
            available: Some(&available),
        };
        for step in plan_worker(&self.tables, &facts) {
            match step {
                WorkerMove::StartCopy(name) => {
                    let dest = self.tables[&name].dest.clone();
                    drop_foreign_keys(&self.local, &dest).await?;
                    self.local.batch_execute("begin").await?;
                    let (from, to) = (TableState::Missing, TableState::InCopy);
                    if !store_state(&self.local, queue, &name, from, to, None).await? {
                        // Removed in this moment.
                        self.local.batch_execute("rollback").await?;
                        continue;
                    }
                    fault::point("table.in-copy.before-commit");
                    self.local.batch_execute("commit").await?;
                    fault::point("table.in-copy.committed");
                    self.copies.start(config, &self.node.name, &name);
                }
                WorkerMove::ResumeCopy(name) => {
                    // It may have come to its end since the tables were read.
                    let now = load_tables(&self.local, queue, &config.consumer_name).await?;
                    if now.get(&name).is_none_or(|table| !table.state.is_copying()) {
                        continue;
                    }
                    tracing::info!("{name}: its copy is started again");
                    self.copies.start(config, &self.node.name, &name);
                }
                WorkerMove::WaitForProvider(name) => {
                    let line = format!(
                        "{name}: waiting until it is ok on provider {}",
                        self.node.provider
                    );
                    if let Some(line) = self.waiting_for_provider.failed(&line) {
                        tracing::info!("{line}");
                    }
                }
                // Done by the worker at its next batch, or by the copy itself.
                WorkerMove::TakeOver(_) => {}
            }
        }
        let (consumer, tables) = (&config.consumer_name, &mut self.tables);
        *tables = load_tables(&self.local, queue, consumer).await?;
        Ok(())
    }

    /// Tables that the provider has `ok`; asked at most once a second.
    async fn provider_tables(&mut self, config: &LondisteConfig) -> Result<HashSet<String>> {
        if let Some((asked, tables)) = &self.provider_tables
            && asked.elapsed() < Duration::from_secs(1)
        {
            return Ok(tables.clone());
        }
        let rows = self
            .reader()?
            .session()
            .query(sql::worker::LIST_AVAILABLE_TABLES, &[&config.queue_name])
            .await?;
        let tables: HashSet<String> = rows.iter().map(|row| row.get("table_name")).collect();
        self.provider_tables = Some((Instant::now(), tables.clone()));
        Ok(tables)
    }

    /// Puts foreign keys back, when the last table of a pair became ok and now and then.
    pub(super) async fn restore_keys(&mut self, config: &LondisteConfig) -> Result<()> {
        let is_ok = |table: &&Table| table.state == TableState::Ok;
        let ok: HashSet<String> = self
            .tables
            .values()
            .filter(is_ok)
            .map(|table| table.name.clone())
            .collect();
        let due = !ok.is_subset(&self.ok_tables) || self.next_key_look <= Instant::now();
        if due && self.node.duty.applies() {
            restore_foreign_keys(&self.local, &config.queue_name).await?;
            self.next_key_look = Instant::now() + KEY_PERIOD;
        }
        self.ok_tables = ok;
        Ok(())
    }

    /// Ends the consumers of copies that died in their last step or whose table was removed (Q20).
    pub(super) async fn remove_stray_copies(&mut self, config: &LondisteConfig) -> Result<()> {
        let now = Instant::now();
        let running = self.copies.running();
        let seen = self.tables.values().any(|table| {
            !table.state.is_copying() && table.copy_tick.is_some() && !running.contains(&table.name)
        });
        if self.next_stray_look > now && !(seen && self.next_stray_retry <= now) {
            return Ok(());
        }
        self.next_stray_look = now + STRAY_PERIOD;
        forget_void_runs(&self.local, &config.queue_name).await?;
        let (queue, consumer) = (config.queue_name.as_str(), config.consumer_name.as_str());
        let rows = self
            .local
            .query(sql::worker::LIST_STRAY_COPIES, &[&queue, &consumer])
            .await?;
        for row in rows {
            let table: String = row.get("table_name");
            if self.copies.running().contains(&table) {
                continue;
            }
            let removed = async {
                let location: Option<String> = row.get("provider_location");
                let location =
                    location.ok_or_else(|| Error::not_found("its source is no member any more"))?;
                let app = AppName::new("copy", &self.node.name, queue);
                let source = Session::connect(&remote_info(config, &location)?, &app).await?;
                drop_consumer(&source, &self.local, queue, &copy_consumer(consumer, &table)).await?;
                source.close().await;
                Ok::<(), Error>(())
            };
            match removed.await {
                Ok(()) => tracing::info!("{table}: removed the consumer that an earlier copy left"),
                Err(error) => {
                    self.next_stray_retry = now + STRAY_PERIOD;
                    tracing::warn!("{table}: an earlier copy left a consumer: {}", error.line());
                }
            }
        }
        Ok(())
    }
}
