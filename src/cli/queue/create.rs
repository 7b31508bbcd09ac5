//! `queue create`, `queue drop`.

use clap::Args;
use serde::Serialize;
use tracing::info;

use super::DatabaseArgs;
use super::desk::Desk;
use crate::cli::Context;
use crate::error::{Error, Result};
use crate::sql;

/// What to create.
#[derive(Args, Debug)]
pub struct CreateArgs {
    /// Queues
    #[arg(value_name = "QUEUE", required = true, action = clap::ArgAction::Append)]
    pub queues: Vec<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Which database.
    #[command(flatten)]
    pub database: DatabaseArgs,
}

/// What to drop.
#[derive(Args, Debug)]
pub struct DropArgs {
    /// Queue
    #[arg(value_name = "QUEUE")]
    pub queue: String,
    /// Drop it although it has consumers; they are unregistered
    #[arg(long)]
    pub force: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Which database.
    #[command(flatten)]
    pub database: DatabaseArgs,
}

#[derive(Serialize)]
struct Created {
    queue_name: String,
    created: bool,
}

/// Runs queue create.
pub async fn create(context: Context, args: CreateArgs) -> Result<u8> {
    if args.queues.iter().any(String::is_empty) {
        return Err(Error::usage("the name of a queue cannot be empty"));
    }
    let mut desk = Desk::open(&context, &args.database).await?;
    let mut records = Vec::new();
    let transaction = desk.session.transaction().await?;
    for queue in &args.queues {
        let made = transaction
            .query_one("select pgq.create_queue($1)", &[queue])
            .await;
        match made {
            Ok(row) => records.push(Created {
                queue_name: queue.clone(),
                created: row.get::<_, i32>(0) == 1,
            }),
            Err(error) => {
                transaction.rollback().await?;
                return Err(desk.explain(error, &format!("queue \"{queue}\" cannot be created")));
            }
        }
    }
    transaction.commit().await?;
    for record in &records {
        if record.created {
            info!("Queue {} created", record.queue_name);
        } else {
            info!("Queue {} exists already", record.queue_name);
        }
    }
    if args.json {
        desk.ui.json(&records)?;
    }
    Ok(0)
}

#[derive(Serialize)]
struct Dropped {
    queue_name: String,
    dropped: bool,
    unregistered: Vec<String>,
}

/// Runs queue drop.
pub async fn drop(context: Context, args: DropArgs) -> Result<u8> {
    let mut desk = Desk::open(&context, &args.database).await?;
    let queue = &args.queue;
    desk.check_queue(queue).await?;
    let refuse = |why: String| Error::refused(format!("queue \"{queue}\" cannot be dropped: {why}"));
    if let Some((node, kind)) = desk.find_node(queue).await? {
        return Err(
            refuse(format!("it is the queue of {kind} node \"{node}\" of a cascade")).with_hint(format!(
                "\"londiste drop-node {node}\" with its job file removes the node"
            )),
        );
    }
    let consumers: Vec<String> = desk
        .session
        .query(sql::queue::LIST_CONSUMERS, &[queue, &None::<&str>])
        .await?
        .iter()
        .map(|row| row.get("consumer_name"))
        .collect();
    let mut detached = Vec::new();
    if desk.has_limits {
        let found = desk
            .session
            .query(sql::queue::LIST_DETACHED, &[queue, &None::<&str>])
            .await?;
        detached.extend(
            found
                .iter()
                .map(|row| format!("{} (detached)", row.get::<_, &str>("consumer_name"))),
        );
    }
    let attached: Vec<String> = consumers.iter().cloned().chain(detached).collect();
    if !attached.is_empty() && !args.force {
        return Err(refuse(format!("it has {} consumer(s)", attached.len()))
            .with_detail(attached.join(", "))
            .with_hint("unregister them, or use --force"));
    }
    let has_limits = desk.has_limits;
    let dropped: std::result::Result<(), tokio_postgres::Error> = async {
        let transaction = desk.session.transaction().await?;
        transaction
            .query_one("select pgq.drop_queue($1, $2)", &[queue, &args.force])
            .await?;
        if has_limits {
            transaction.execute(sql::queue::FORGET_QUEUE, &[queue]).await?;
        }
        transaction.commit().await
    }
    .await;
    dropped.map_err(|error| desk.explain(error, &format!("queue \"{queue}\" cannot be dropped")))?;
    info!("Queue {queue} dropped");
    if args.json {
        desk.ui.json(&Dropped {
            queue_name: queue.clone(),
            dropped: true,
            unregistered: consumers,
        })?;
    }
    Ok(0)
}
