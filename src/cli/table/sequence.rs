//! `add-seq` and `remove-seq` (londiste.md 4.3, 4.5).

use clap::Args;
use tokio_postgres::Row;
use tracing::{info, warn};

use super::after::wake_workers;
use super::expand::{expand, near};
use super::registry::{RegisteredSeq, load_missing, load_sequences, sync_sequences, wants_sequence};
use crate::cli::Context;
use crate::cli::admin::Admin;
use crate::error::{Error, Result};
use crate::node::call;
use crate::pg::{QualifiedName, Session, quote_ident};
use crate::sql;

/// Options of add-seq.
#[derive(Args, Debug)]
pub struct AddSeqArgs {
    /// Sequences: schema.name, name (schema public), or a pattern with * and ?
    #[arg(value_name = "SEQ")]
    pub seqs: Vec<String>,
    /// Add all sequences that are missing here, when none is named
    #[arg(long)]
    pub all: bool,
    /// Create a sequence that does not exist here, like the provider's
    #[arg(long)]
    pub create: bool,
    /// Same as --create
    #[arg(long)]
    pub create_full: bool,
    /// Skip sequences that do not exist here
    #[arg(long)]
    pub skip_non_existing: bool,
    /// Take names that are not in the queue
    #[arg(long)]
    pub force: bool,
}

/// Which sequences.
#[derive(Args, Debug)]
pub struct RemoveSeqArgs {
    /// Sequences: schema.name, name (schema public), or a pattern with * and ?
    #[arg(value_name = "SEQ")]
    pub seqs: Vec<String>,
    /// All sequences that are attached here, when none is named
    #[arg(long)]
    pub all: bool,
}

/// Runs add-seq.
pub async fn add_seq(context: Context, args: AddSeqArgs) -> Result<u8> {
    let mut admin = context.admin()?;
    let node = admin.node_info().await?;
    let queue = admin.queue().to_owned();
    let mut provider: Option<(Session, Vec<RegisteredSeq>)> = None;
    if !node.is_root() {
        let session = admin.provider().await?;
        let there = load_sequences(&*session, &queue).await?;
        let config = admin.config.clone();
        sync_sequences(admin.local().await?, &there, &config).await?;
        provider = Some((session, there));
    }
    let local = admin.local().await?;
    let done: Vec<String> = load_sequences(&**local, &queue)
        .await?
        .into_iter()
        .filter(|s| s.local)
        .map(|s| s.name)
        .collect();
    // Ancestor: its database side lists the attached sequences of a root, too (Q8).
    let candidates: Vec<String> = load_missing(&**local, &queue)
        .await?
        .into_iter()
        .filter(|(kind, name)| kind == "S" && !done.contains(name))
        .map(|(_, name)| name)
        .collect();
    let mut found = expand(&args.seqs, args.all, &candidates, &done);
    for name in &found.already {
        info!("{name} already processed");
    }
    let mut problems = Vec::new();
    for name in std::mem::take(&mut found.unknown) {
        if args.force {
            warn!("{name} not available, but --force is used");
            found.names.push(name);
            continue;
        }
        if node.is_root() && args.skip_non_existing {
            warn!("Sequence {name} does not exist, skipping");
            continue;
        }
        let reason = match (node.is_root(), wants_sequence(&admin.config, &name)) {
            (true, _) => "it does not exist in this database".to_owned(),
            (false, true) => format!(
                "provider \"{}\" does not have it in the queue",
                node.provider_node.as_deref().unwrap_or_default()
            ),
            (false, false) => "the job file keeps it out (register_only_seqs, register_skip_seqs)".to_owned(),
        };
        problems.push(refusal(&queue, &node.node_name, &name, &reason, &candidates));
    }
    let mut plans = Vec::new();
    for name in &found.names {
        match plan_one(
            &mut admin,
            &args,
            name,
            provider.as_ref().map(|(session, _)| session),
        )
        .await?
        {
            Plan::Add(create) => plans.push((name.clone(), create)),
            Plan::Skip => {}
            Plan::Missing => {
                let error = refusal(
                    &queue,
                    &node.node_name,
                    name,
                    "it does not exist in this database",
                    &[],
                );
                problems.push(if node.is_root() {
                    error
                } else {
                    error.with_hint("create it first, or let add-seq do it: --create")
                });
            }
        }
    }
    report_all(&admin, problems)?;
    if plans.is_empty() {
        if args.seqs.is_empty() && !args.all {
            admin
                .ui
                .hint("name sequences, or use --all; \"londiste missing\" lists what can be added");
        }
        return Ok(0);
    }
    let transaction = admin.local().await?.transaction().await?;
    for (name, create) in &plans {
        if !create.is_empty() {
            info!("Creating {name}");
        }
        for statement in create {
            transaction.batch_execute(statement).await?;
        }
        call(&transaction, None, sql::table::LOCAL_ADD_SEQ, &[&queue, name]).await?;
    }
    wake_workers(&transaction, &queue).await?;
    transaction.commit().await?;
    Ok(0)
}

/// Runs remove-seq.
pub async fn remove_seq(context: Context, args: RemoveSeqArgs) -> Result<u8> {
    let mut admin = context.admin()?;
    let node = admin.node_info().await?;
    let queue = admin.queue().to_owned();
    let known = load_sequences(&**admin.local().await?, &queue).await?;
    let (here, other): (Vec<RegisteredSeq>, Vec<RegisteredSeq>) = known.into_iter().partition(|s| s.local);
    let here: Vec<String> = here.into_iter().map(|s| s.name).collect();
    let other: Vec<String> = other.into_iter().map(|s| s.name).collect();
    let found = expand(&args.seqs, args.all, &here, &other);
    for name in &found.already {
        info!("{name} already processed");
    }
    let problems = found
        .unknown
        .iter()
        .map(|name| {
            let error = Error::not_found(format!("sequence \"{name}\" is not attached on this node"))
                .with_detail(format!("node \"{}\", queue \"{queue}\"", node.node_name));
            match near(name, &here) {
                Some(near) => error.with_hint(format!("did you mean \"{near}\"?")),
                None => error.with_hint("\"londiste seqs\" lists the sequences that are here"),
            }
        })
        .collect();
    report_all(&admin, problems)?;
    if found.names.is_empty() {
        if args.seqs.is_empty() && !args.all {
            admin
                .ui
                .hint("name sequences, or use --all; \"londiste seqs\" lists what is attached here");
        }
        return Ok(0);
    }
    let transaction = admin.local().await?.transaction().await?;
    for name in &found.names {
        call(&transaction, None, sql::table::LOCAL_REMOVE_SEQ, &[&queue, name]).await?;
    }
    wake_workers(&transaction, &queue).await?;
    transaction.commit().await?;
    Ok(0)
}

fn refusal(queue: &str, node: &str, name: &str, reason: &str, candidates: &[String]) -> Error {
    let error = Error::not_found(format!(
        "sequence \"{name}\" cannot join queue \"{queue}\": {reason}"
    ))
    .with_detail(format!("node \"{node}\""));
    match near(name, candidates) {
        Some(near) => error.with_hint(format!("did you mean \"{near}\"?")),
        None => error,
    }
}

fn report_all(admin: &Admin, mut problems: Vec<Error>) -> Result<()> {
    let Some(last) = problems.pop() else {
        return Ok(());
    };
    for problem in &problems {
        admin.ui.error(problem);
    }
    Err(last)
}

enum Plan {
    Add(Vec<String>),
    Skip,
    Missing,
}

async fn plan_one(
    admin: &mut Admin,
    args: &AddSeqArgs,
    name: &str,
    provider: Option<&Session>,
) -> Result<Plan> {
    let full = QualifiedName::parse(name);
    let local = admin.local().await?;
    if load_sequence(local, &full).await?.is_some() {
        if args.create || args.create_full {
            info!("Sequence {name} exists already, not created");
        }
        return Ok(Plan::Add(Vec::new()));
    }
    if !(args.create || args.create_full) || provider.is_none() {
        if args.skip_non_existing {
            warn!("Sequence {name} does not exist, skipping");
            return Ok(Plan::Skip);
        }
        return Ok(Plan::Missing);
    }
    let there = match provider {
        Some(provider) => load_sequence(provider, &full).await?,
        None => None,
    };
    let Some(there) = there else {
        warn!("{name} is not on the provider, cannot create it, skipping");
        return Ok(Plan::Skip);
    };
    let mut statements = Vec::new();
    let row = local.query_one(sql::pg::HAS_SCHEMA, &[&full.schema]).await?;
    if !row.try_get::<_, bool>(0)? {
        statements.push(format!("create schema {}", quote_ident(&full.schema)));
    }
    let number = |column: &str| -> Result<i64> { Ok(there.try_get(column)?) };
    // The value itself comes with the registration.
    statements.push(format!(
        "create sequence {} as {} increment by {} minvalue {} maxvalue {} start with {} cache {}{}",
        full.quoted(),
        there.try_get::<_, &str>("type_name")?,
        number("increment")?,
        number("minimum")?,
        number("maximum")?,
        number("start")?,
        number("cache")?,
        if there.try_get("is_cycle")? { " cycle" } else { "" }
    ));
    Ok(Plan::Add(statements))
}

async fn load_sequence(session: &Session, name: &QualifiedName) -> Result<Option<Row>> {
    Ok(session
        .query_opt(sql::pg::LOAD_SEQUENCE, &[&name.schema, &name.name])
        .await?)
}
