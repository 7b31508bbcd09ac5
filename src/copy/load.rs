//! The rows: out of one snapshot of the source into the emptied local table, in one local transaction.

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use tokio_postgres::Client;

use super::progress::{Progress, ProgressSink};
use super::source::SourceTable;
use crate::error::{Error, Result};
use crate::pg::structure::load_structure;
use crate::pg::{QualifiedName, Session, quote_ident};
use crate::pgq::Snapshot;
use crate::service::fault;
use crate::sql;
use crate::table::{Table, TableState, store_state};

struct SideTable {
    columns: Vec<SideColumn>,
    partitioned: bool,
    has_rows: bool,
    estimated_rows: u64,
}

struct SideColumn {
    name: String,
    generated: bool,
    names_objects: bool,
}

/// Copies the rows of `table` and stores the state `catching-up`, in one transaction on `local`; both sessions end
/// outside of a transaction when it succeeds. False when the table was resynced or removed meanwhile: nothing is done.
///
/// # Errors
/// Everything is rolled back by the caller closing the sessions; the state stays `in-copy`.
pub async fn load_rows(
    source: &Session,
    local: &Session,
    queue: &str,
    table: &Table,
    source_table: &SourceTable,
    sink: &ProgressSink,
) -> Result<bool> {
    let dest = QualifiedName::parse(&table.dest);
    let from = QualifiedName::parse(&source_table.dest);
    local.batch_execute("begin").await?;
    if !still_in_copy(local, queue, &table.name).await? {
        local.batch_execute("rollback").await?;
        return Ok(false);
    }
    tracing::info!("{}: locking", table.name);
    local
        .batch_execute(&format!("lock table {} in access exclusive mode", dest.quoted()))
        .await
        .map_err(|error| {
            Error::from(error).context(format!("table \"{}\" cannot be locked for its copy", table.dest))
        })?;
    // The source is asked only now: waiting for the lock here must not keep a snapshot open there.
    let snapshot = open_snapshot(source, &from).await?;
    let source_side = load_side(source, &from)
        .await?
        .ok_or_else(|| no_source_table(&source_table.dest))?;
    if source_side.columns.iter().any(|column| column.names_objects) {
        // Names are printed without schema where the path of this session would find them; that of the reading
        // session may be another one.
        source.batch_execute("set local search_path = ''").await?;
    }
    let local_side = load_side(local, &dest).await?.ok_or_else(|| {
        Error::not_found(format!("table \"{}\" does not exist on this node", table.dest))
            .with_hint("create it, or detach it with londiste remove-table")
    })?;
    let merged: bool = local
        .query_one(sql::copy::HAS_MERGED_ROWS, &[&queue, &table.name])
        .await?
        .get("found");
    let columns = common_columns(&table.name, &source_side, &local_side)?;

    let restore = if merged {
        Vec::new()
    } else {
        drop_objects(local, &dest, &table.name).await?
    };
    fault::point("copy.structure.dropped");
    if !merged && !table.attrs.skip_truncate() {
        tracing::info!("{}: truncating", table.name);
        let only = if local_side.partitioned { "" } else { "only " };
        local
            .batch_execute(&format!("truncate {only}{}", dest.quoted()))
            .await
            .map_err(|error| {
                Error::from(error).context(format!("table \"{}\" cannot be emptied for its copy", table.dest))
            })?;
    }

    let mut progress = Progress::start(sink, &table.name, source_side.estimated_rows);
    let list: Vec<String> = columns.iter().map(|name| quote_ident(name)).collect();
    let list = list.join(", ");
    tracing::info!("{}: start copy", table.name);
    progress.phase("copying");
    let needs_select = source_side.partitioned
        || columns.iter().any(|name| {
            source_side
                .columns
                .iter()
                .any(|c| c.name == **name && c.generated)
        });
    let read = if needs_select {
        let only = if source_side.partitioned { "" } else { "only " };
        format!("copy (select {list} from {only}{}) to stdout", from.quoted())
    } else {
        format!("copy {} ({list}) to stdout", from.quoted())
    };
    let write = format!("copy {} ({list}) from stdin", dest.quoted());
    stream_rows(source, local, &read, &write, &mut progress)
        .await
        .map_err(|error| error.context(format!("copy of table \"{}\"", table.name)))?;
    source.batch_execute("commit").await?;
    let (bytes, rows) = progress.totals();
    tracing::info!(
        "{}: copy finished: {bytes} bytes, {rows} rows in {:.1} s",
        table.name,
        progress.elapsed().as_secs_f64()
    );

    progress.phase("building indexes");
    for (name, statements) in restore {
        tracing::info!("{}: creating {name}", table.name);
        for statement in statements {
            local.batch_execute(&statement).await.map_err(|error| {
                Error::from(error)
                    .context(format!(
                        "\"{name}\" of table \"{}\" cannot be put back after the copy",
                        table.dest
                    ))
                    .with_hint(
                        "the rows of the provider break it: compare the definitions on both nodes; \
                         nothing was changed here",
                    )
            })?;
        }
    }
    fault::point("copy.structure.restored");
    let (from, to) = (TableState::InCopy, TableState::CatchingUp);
    if !store_state(local, queue, &table.name, from, to, Some(&snapshot)).await? {
        return Err(Error::internal(format!(
            "the state of table \"{}\" changed under its lock",
            table.name
        )));
    }
    fault::point("copy.data.before-commit");
    local.batch_execute("commit").await?;
    fault::point("copy.data.committed");
    progress.phase("gathering statistics");
    // Statistics are a help for the planner, not a part of the copy: without the right to gather them it goes on.
    if let Err(error) = local.batch_execute(&format!("analyze {}", dest.quoted())).await {
        tracing::warn!(
            "{}: no statistics gathered: {}",
            table.name,
            Error::from(error).line()
        );
    }
    Ok(true)
}

/// Begins the transaction whose snapshot the rows belong to. The table is locked before the snapshot is taken: a
/// rewrite (`alter table ... type`) that came in between would hide all its rows from an older snapshot.
async fn open_snapshot(source: &Client, from: &QualifiedName) -> Result<Snapshot> {
    let side = load_side(source, from)
        .await?
        .ok_or_else(|| no_source_table(&from.to_string()))?;
    source
        .batch_execute("begin isolation level repeatable read read only")
        .await?;
    // Other kinds (a view, a foreign table) have no rows of their own that a rewrite could hide.
    if side.has_rows {
        source
            .batch_execute(&format!("lock table {} in access share mode", from.quoted()))
            .await
            .map_err(|error| {
                Error::from(error).context(format!("table \"{from}\" cannot be locked on the source"))
            })?;
    }
    source
        .query_one("select pg_catalog.txid_current_snapshot()::text", &[])
        .await?
        .get::<_, String>(0)
        .parse()
}

fn no_source_table(name: &str) -> Error {
    Error::not_found(format!("table \"{name}\" does not exist on the source"))
}

/// Locks the table's row of the registry: a resync or remove-table meanwhile waits, or is seen here.
async fn still_in_copy(local: &Client, queue: &str, table: &str) -> Result<bool> {
    let row = local
        .query_opt(
            "select merge_state from londiste.table_info where queue_name = $1 and table_name = $2 and local for update",
            &[&queue, &table],
        )
        .await?;
    Ok(row.and_then(|row| row.get::<_, Option<String>>(0)).as_deref() == Some("in-copy"))
}

async fn load_side(client: &Client, name: &QualifiedName) -> Result<Option<SideTable>> {
    let rows = client
        .query(sql::copy::LIST_COLUMNS, &[&name.schema, &name.name])
        .await?;
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    Ok(Some(SideTable {
        partitioned: first.get::<_, &str>("relkind") == "p",
        has_rows: matches!(first.get("relkind"), "r" | "p"),
        estimated_rows: first.get::<_, f64>("estimated_rows").max(0.0) as u64,
        columns: rows
            .iter()
            .map(|row| SideColumn {
                name: row.get("attname"),
                generated: row.get("generated"),
                names_objects: row.get("names_objects"),
            })
            .collect(),
    }))
}

/// Columns to copy, in the order of the source: those of both sides that the local side does not compute.
fn common_columns<'a>(table: &str, source: &'a SideTable, local: &SideTable) -> Result<Vec<&'a str>> {
    let mut common = Vec::new();
    for column in &source.columns {
        match local.columns.iter().find(|c| c.name == column.name) {
            Some(here) if here.generated => {}
            Some(_) => common.push(column.name.as_str()),
            None if column.generated => {}
            None => tracing::warn!("{table}: column \"{}\" exists only on the source", column.name),
        }
    }
    for column in &local.columns {
        if !column.generated && !source.columns.iter().any(|c| c.name == column.name) {
            tracing::warn!("{table}: column \"{}\" exists only on this node", column.name);
        }
    }
    if common.is_empty() {
        return Err(Error::refused(format!(
            "table \"{table}\" has no column in common with the source"
        )));
    }
    Ok(common)
}

/// Drops keys and indexes, last created first; returns how to put each back, in order.
async fn drop_objects(
    local: &Session,
    dest: &QualifiedName,
    table: &str,
) -> Result<Vec<(String, Vec<String>)>> {
    let Some(structure) = load_structure(&**local, dest).await? else {
        return Ok(Vec::new());
    };
    let mut dropped = Vec::new();
    for object in structure.droppable_objects().into_iter().rev() {
        local.batch_execute("savepoint drop_object").await?;
        match local.batch_execute(&object.drop_sql).await {
            Ok(()) => {
                tracing::info!("{table}: dropping {}", object.name);
                dropped.push((object.name, object.create_sql));
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

async fn stream_rows(
    source: &Client,
    local: &Client,
    read: &str,
    write: &str,
    progress: &mut Progress,
) -> Result<()> {
    let reader = source.copy_out(read).await?;
    futures::pin_mut!(reader);
    let writer = local.copy_in::<_, Bytes>(write).await?;
    futures::pin_mut!(writer);
    let mut packet = Vec::with_capacity(PACKET + PACKET / 4);
    let mut rows = 0;
    while let Some(chunk) = reader.next().await {
        // One chunk is one row of the server.
        packet.extend_from_slice(&chunk?);
        rows += 1;
        if packet.len() >= PACKET {
            progress.add(packet.len() as u64, std::mem::take(&mut rows));
            writer
                .send(Bytes::from(std::mem::replace(
                    &mut packet,
                    Vec::with_capacity(PACKET + PACKET / 4),
                )))
                .await?;
        }
    }
    progress.add(packet.len() as u64, rows);
    if !packet.is_empty() {
        writer.send(Bytes::from(packet)).await?;
    }
    writer.finish().await?;
    Ok(())
}

/// Bytes that go to the local server in one message.
const PACKET: usize = 256 << 10;
