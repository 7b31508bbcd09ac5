//! Keys and indexes around the rows: dropped before, put back after, indexes of large tables several at once.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::task::JoinSet;
use tokio_postgres::Client;

use super::run::RunRef;
use crate::error::{Error, Result};
use crate::pg::structure::{DroppableObject, load_structure};
use crate::pg::{AppName, ConnInfo, QualifiedName, Session};
use crate::service::fault;

/// Drops keys and indexes, last created first; returns them in the order of creation.
pub async fn drop_objects(local: &Client, dest: &QualifiedName, table: &str) -> Result<Vec<DroppableObject>> {
    let Some(structure) = load_structure(local, dest).await? else {
        return Ok(Vec::new());
    };
    let mut dropped = Vec::new();
    for object in structure.droppable_objects().into_iter().rev() {
        local.batch_execute("savepoint drop_object").await?;
        match local.batch_execute(&object.drop_sql).await {
            Ok(()) => {
                tracing::info!("{table}: dropping {}", object.name);
                dropped.push(object);
                local.batch_execute("release savepoint drop_object").await?;
            }
            Err(error) if error.as_db_error().is_some() => {
                // Something else needs it (a view, a foreign key of a table that is not replicated): it stays in
                // place, and the copy is only slower.
                tracing::info!(
                    "{table}: {} stays in place: {}",
                    object.name,
                    Error::from(error).line()
                );
                local.batch_execute("rollback to savepoint drop_object").await?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    dropped.reverse();
    Ok(dropped)
}

/// Runs the statements that put one object back.
pub async fn restore_object(local: &Client, dest: &str, name: &str, statements: &[String]) -> Result<()> {
    for statement in statements {
        local
            .batch_execute(statement)
            .await
            .map_err(|error| cannot_restore(error, dest, name))?;
    }
    Ok(())
}

fn cannot_restore(error: tokio_postgres::Error, dest: &str, name: &str) -> Error {
    let error = Error::from(error).context(format!(
        "\"{name}\" of table \"{dest}\" cannot be put back after the copy"
    ));
    match error.sqlstate() {
        Some(code) if code.starts_with("23") => error.with_hint(
            "the rows of the provider break it: compare the definitions on both nodes, and drop what does not fit here",
        ),
        Some("53100") => error.with_hint("the disk is full on this node: make room; the copy goes on by itself"),
        _ => error,
    }
}

/// Builds the indexes `statements` (name, statement) on `jobs` connections of their own, each committed by itself.
///
/// # Errors
/// The first failure; what was built stays, and a statement that is run again finds it.
pub async fn build_indexes(
    info: &ConnInfo,
    app: &AppName,
    run: &RunRef,
    dest: &str,
    statements: Vec<(String, String)>,
    jobs: usize,
) -> Result<()> {
    let jobs = jobs.clamp(1, statements.len().max(1));
    let waiting = Arc::new(Mutex::new(VecDeque::from(statements)));
    let mut tasks = JoinSet::new();
    for _ in 0..jobs {
        let (info, app, run, dest) = (info.clone(), app.clone(), run.clone(), dest.to_owned());
        let waiting = waiting.clone();
        tasks.spawn(async move {
            let session = Session::connect(&info, &app).await?;
            loop {
                let next = waiting.lock().expect("no holder panics").pop_front();
                let Some((name, statement)) = next else {
                    break;
                };
                tracing::info!("{}: creating {name}", run.table);
                session.batch_execute("begin").await?;
                run.hold(&session).await?;
                session
                    .batch_execute(&statement)
                    .await
                    .map_err(|error| cannot_restore(error, &dest, &name))?;
                fault::point("copy.index.before-commit");
                session.batch_execute("commit").await?;
                fault::point("copy.index.committed");
            }
            session.close().await;
            Ok::<(), Error>(())
        });
    }
    join_all(tasks).await
}

/// Waits for all tasks; at the first error the others are ended.
pub async fn join_all(mut tasks: JoinSet<Result<()>>) -> Result<()> {
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Ok(result) => result?,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => return Err(Error::interrupted()),
        }
    }
    Ok(())
}
