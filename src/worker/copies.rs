//! The copies that run inside a worker's process.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::config::londiste::LondisteConfig;
use crate::copy::{CopyJob, ProgressSink, run_job};
use crate::pgq::TickId;
use crate::service::stop::{StopLevel, Stopper, stop_pair};

/// Starts copies, knows which run, stops them with the worker.
pub struct Copies {
    tasks: JoinSet<String>,
    running: HashSet<String>,
    position: watch::Sender<TickId>,
    changed: Arc<Notify>,
    stopper: Stopper,
    stop: crate::service::stop::StopSignal,
    progress: ProgressSink,
}

impl Copies {
    /// No copies yet.
    pub fn new(progress: ProgressSink) -> Self {
        let (stopper, stop) = stop_pair();
        Self {
            tasks: JoinSet::new(),
            running: HashSet::new(),
            position: watch::channel(TickId(0)).0,
            changed: Arc::default(),
            stopper,
            stop,
            progress,
        }
    }

    /// Tables whose copy runs.
    pub fn running(&mut self) -> &HashSet<String> {
        while let Some(ended) = self.tasks.try_join_next() {
            self.note_end(ended);
        }
        &self.running
    }

    /// Starts the copy of one table.
    pub fn start(&mut self, config: &LondisteConfig, node: &str, table: &str) {
        let job = CopyJob {
            config: Arc::new(config.clone()),
            node: node.to_owned(),
            table: table.to_owned(),
            stop: self.stop.clone(),
            worker_position: Some(self.position.subscribe()),
            changed: self.changed.clone(),
            progress: self.progress.clone(),
        };
        self.running.insert(table.to_owned());
        let changed = self.changed.clone();
        self.tasks.spawn(async move {
            if let Err(error) = run_job(&job).await
                && !error.is_interrupted()
            {
                tracing::error!("copy of table {} ended: {}", job.table, error.line());
            }
            changed.notify_one();
            job.table
        });
    }

    /// Tells the copies how far the worker is.
    pub fn set_position(&self, position: TickId) {
        self.position.send_if_modified(|known| {
            let moved = *known != position;
            *known = position;
            moved
        });
    }

    /// Fires when a copy changed a state or ended.
    pub fn changed(&self) -> Arc<Notify> {
        self.changed.clone()
    }

    /// Ends all copies; their open transactions roll back.
    pub async fn stop(&mut self) {
        self.stopper.stop(StopLevel::Fast);
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(Duration::from_secs(1), all).await.is_err() {
            self.tasks.shutdown().await;
        }
        self.running.clear();
    }

    fn note_end(&mut self, ended: Result<String, tokio::task::JoinError>) {
        match ended {
            Ok(table) => drop(self.running.remove(&table)),
            Err(error) => {
                // Which one panicked is not known: forget all that have no task any more.
                tracing::error!("a copy ended by an internal error: {error}");
                if self.tasks.is_empty() {
                    self.running.clear();
                }
            }
        }
    }
}
