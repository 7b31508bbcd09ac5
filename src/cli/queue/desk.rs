//! What the commands share: the connection, what the database has, the words about unknown names.

use super::DatabaseArgs;
use crate::cli::Context;
use crate::cli::ui::Ui;
use crate::config::key::suggest;
use crate::error::{Error, Result};
use crate::install;
use crate::node::Dialer;
use crate::pg::{AppName, Session};
use crate::{pgq, sql};

/// One run of a queue command.
pub struct Desk {
    /// The mouth.
    pub ui: Ui,
    /// The connection.
    pub session: Session,
    /// Name of the database.
    pub database: String,
    /// Whether schema londiste_rs has limits and dead events.
    pub has_limits: bool,
    /// Whether schema pgq_coop is there.
    pub has_coop: bool,
}

impl Desk {
    /// Connects, and refuses a database without PgQ.
    pub async fn open(context: &Context, args: &DatabaseArgs) -> Result<Self> {
        let connstr = match (&args.db, context.config()) {
            (Some(connstr), _) => connstr.clone(),
            (None, Ok(config)) => config.db.clone(),
            (None, Err(_)) => String::new(),
        };
        let dialer = Dialer::new(AppName::new("queue", "", ""), "");
        let session = context.stop.unless_stopped(dialer.local(&connstr)).await?;
        let row = session.query_one(sql::queue::HAS_QUEUE_SCHEMA, &[]).await?;
        let database: String = row.get("database");
        if !row.get::<_, bool>("pgq") {
            return Err(Error::not_found(format!("database \"{database}\" has no queues"))
                .with_detail(format!("there is no schema pgq ({})", session.target()))
                .with_hint("install it with \"londiste install --only=pgq,pgq_coop CONNSTR\""));
        }
        Ok(Self {
            ui: context.ui,
            database,
            has_limits: row.get("limits"),
            has_coop: row.get("pgq_coop"),
            session,
        })
    }

    /// Refuses a queue that does not exist.
    pub async fn check_queue(&self, queue: &str) -> Result<()> {
        let rows = self.session.query(sql::queue::LIST_NAMES, &[]).await?;
        let names: Vec<&str> = rows.iter().map(|row| row.get("queue_name")).collect();
        if names.contains(&queue) {
            return Ok(());
        }
        let error = Error::not_found(format!("queue \"{queue}\" does not exist"))
            .with_detail(format!("database \"{}\"", self.database));
        Err(suggest(error, queue, names, || {
            "\"londiste queue list\" lists the queues".to_owned()
        }))
    }

    /// Refuses a queue or a consumer that does not exist, where one is named. A detached consumer has its own words.
    pub async fn check_filter(&self, queue: Option<&str>, consumer: Option<&str>) -> Result<()> {
        let Some(queue) = queue else { return Ok(()) };
        self.check_queue(queue).await?;
        let Some(consumer) = consumer else { return Ok(()) };
        let rows = self
            .session
            .query(sql::queue::LIST_CONSUMERS, &[&queue, &None::<&str>])
            .await?;
        let names: Vec<&str> = rows.iter().map(|row| row.get("consumer_name")).collect();
        if names.contains(&consumer) {
            return Ok(());
        }
        if let Some(error) = self.find_detached(queue, consumer).await? {
            return Err(error);
        }
        let error = Error::not_found(format!(
            "consumer \"{consumer}\" is not subscribed to queue \"{queue}\""
        ))
        .with_detail(format!("database \"{}\"", self.database));
        Err(suggest(error, consumer, names, || {
            format!("\"londiste queue consumers {queue}\" lists those that are")
        }))
    }

    /// The same for what may be left of consumers that are not subscribed any more: their names are looked at when
    /// nothing was `found`.
    pub async fn check_left(&self, queue: Option<&str>, consumer: Option<&str>, found: bool) -> Result<()> {
        if found {
            return Ok(());
        }
        let is_detached = match (queue, consumer) {
            (Some(queue), Some(consumer)) => self.find_detached(queue, consumer).await?.is_some(),
            _ => false,
        };
        self.check_filter(queue, consumer.filter(|_| !is_detached)).await
    }

    /// The refusal of a consumer that was detached, if it was.
    pub async fn find_detached(&self, queue: &str, consumer: &str) -> Result<Option<Error>> {
        let found = pgq::find_detached(&self.session, queue, consumer).await?;
        Ok(found.map(|error| {
            error.with_hint(format!(
                "\"londiste queue unregister {queue} {consumer}\" forgets it"
            ))
        }))
    }

    /// The node of a cascade that a queue belongs to, with its type.
    pub async fn find_node(&self, queue: &str) -> Result<Option<(String, String)>> {
        if !self.has_schema("pgq_node").await? {
            return Ok(None);
        }
        let row = self.session.query_opt(sql::queue::FIND_NODE, &[&queue]).await?;
        Ok(row.map(|row| (row.get("node_name"), row.get("node_type"))))
    }

    /// The node of a cascade that reads with a consumer, or has it as its watermark.
    pub async fn find_subscriber(&self, queue: &str, consumer: &str) -> Result<Option<String>> {
        if !self.has_schema("pgq_node").await? {
            return Ok(None);
        }
        let row = self
            .session
            .query_opt(sql::queue::FIND_SUBSCRIBER, &[&queue, &consumer])
            .await?;
        Ok(row.map(|row| row.get("subscriber_node")))
    }

    async fn has_schema(&self, name: &str) -> Result<bool> {
        let row = self.session.query_one(sql::pg::HAS_SCHEMA, &[&name]).await?;
        Ok(row.get(0))
    }

    /// Puts schema londiste_rs in, where limits are kept.
    pub async fn ensure_limits(&mut self) -> Result<()> {
        if !self.has_limits {
            let wanted = install::select(&["londiste_rs".to_owned()])?;
            install::install(&mut self.session, &wanted, false).await?;
            self.has_limits = true;
        }
        Ok(())
    }

    /// Refuses to look for what only schema londiste_rs can hold.
    pub fn require_limits(&self, what: &str) -> Result<()> {
        if self.has_limits {
            return Ok(());
        }
        Err(
            Error::not_found(format!("database \"{}\" has no {what}", self.database))
                .with_detail("there is no schema londiste_rs, or it is of an older version")
                .with_hint("install it with \"londiste install --only=londiste_rs CONNSTR\""),
        )
    }

    /// An error of the server, with a hint where the role is at fault.
    pub fn explain(&self, error: tokio_postgres::Error, doing: &str) -> Error {
        let error = Error::from(error).context(doing);
        if error.sqlstate() == Some("42501") {
            return error.with_hint("managing queues takes the rights of role pgq_admin");
        }
        error
    }
}
