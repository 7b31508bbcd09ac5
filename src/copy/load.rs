//! The rows: out of one snapshot of the source into the emptied local table, in one local transaction.

use tokio_postgres::Client;

use super::advice::{End, explain};
use super::objects::{drop_objects, restore_object};
use super::progress::{Progress, ProgressSink};
use super::pump::{Route, pump};
use super::side::{Format, SideTable, column_list, common_columns};
use super::source::SourceTable;
use crate::error::{Error, ErrorKind, Result};
use crate::pg::{QualifiedName, Session};
use crate::pgq::Snapshot;
use crate::service::fault;
use crate::sql;
use crate::table::{Table, TableState, store_state};

/// Copies the rows of `table` and stores the state `catching-up`, in one transaction on `local`; both sessions end
/// outside of a transaction when it succeeds. False when the table was resynced or removed meanwhile: nothing is done.
///
/// # Errors
/// Everything is rolled back by the caller closing the sessions; the state stays `in-copy`.
pub async fn load_rows(
    source: &Session,
    node: &str,
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
        .map_err(|error| explain(error, End::Here, &table.dest))?;
    let siblings = local
        .query_one(sql::copy::HAS_SIBLINGS, &[&queue, &table.name])
        .await?;
    if siblings.get("busy") {
        return Err(Error::new(
            ErrorKind::Busy,
            format!(
                "another queue brings its rows into table \"{}\" just now",
                table.dest
            ),
        ));
    }
    // The source is asked only now: waiting for the lock here must not keep a snapshot open there.
    let opened = open_snapshot(source, &from, node).await?;
    let (snapshot, source_side) = (opened.snapshot, opened.side);
    if source_side.columns.iter().any(|column| column.names_objects) {
        // Names are printed without schema where the path of this session would find them; that of the reading
        // session may be another one.
        source.batch_execute("set local search_path = ''").await?;
    }
    let local_side = SideTable::load_local(local, &dest).await?;
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
    let is_emptied = !merged && !table.attrs.skip_truncate();
    if is_emptied {
        tracing::info!("{}: truncating", table.name);
        let only = if local_side.partitioned { "" } else { "only " };
        local
            .batch_execute(&format!("truncate {only}{}", dest.quoted()))
            .await
            .map_err(|error| explain(error, End::Here, &table.dest))?;
    }

    let progress = Progress::start(sink, &table.name, source_side.estimated_rows, 0);
    let list = column_list(&columns);
    let format = Format::choose(&source_side, &local_side, &columns);
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
        format!(
            "copy (select {list} from {only}{}) to stdout {})",
            from.quoted(),
            format.option()
        )
    } else {
        format!("copy {} ({list}) to stdout {})", from.quoted(), format.option())
    };
    // Nobody else has ever seen the new file of an emptied table: its rows can be born frozen.
    let frozen = if is_emptied && local_side.plain {
        ", freeze)"
    } else {
        ")"
    };
    let write = format!(
        "copy {} ({list}) from stdin {}{frozen}",
        dest.quoted(),
        format.option()
    );
    let route = Route {
        source,
        node,
        from: &source_table.dest,
        read: &read,
        local,
        dest: &table.dest,
        write: &write,
        format,
    };
    let rows = pump(&route, &progress)
        .await
        .map_err(|error| error.context(format!("copy of table \"{}\"", table.name)))?;
    source.batch_execute("commit").await?;
    let (bytes, _) = progress.totals();
    tracing::info!(
        "{}: copy finished: {bytes} bytes, {rows} rows in {:.1} s",
        table.name,
        progress.elapsed().as_secs_f64()
    );

    progress.phase("building indexes");
    for object in restore {
        tracing::info!("{}: creating {}", table.name, object.name);
        restore_object(local, &table.dest, &object.name, &object.create_sql).await?;
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
    Ok(true)
}

/// A transaction on the source.
pub struct Opened {
    /// Its snapshot.
    pub snapshot: Snapshot,
    /// The table as the snapshot sees it.
    pub side: SideTable,
}

/// Begins the transaction whose snapshot the rows belong to. The table is locked before the snapshot is taken: a
/// rewrite (`alter table ... type`) that came in between would hide all its rows from an older snapshot.
pub async fn open_snapshot(source: &Client, from: &QualifiedName, node: &str) -> Result<Opened> {
    let side = SideTable::load_source(source, from).await?;
    source
        .batch_execute("begin isolation level repeatable read read only")
        .await?;
    // Other kinds (a view, a foreign table) have no rows of their own that a rewrite could hide.
    if side.has_rows() {
        source
            .batch_execute(&format!("lock table {} in access share mode", from.quoted()))
            .await
            .map_err(|error| explain(error, End::Source(node), &from.to_string()))?;
    }
    let snapshot = source
        .query_one("select pg_catalog.txid_current_snapshot()::text", &[])
        .await?
        .get::<_, String>(0)
        .parse()?;
    let side = SideTable::load_source(source, from).await?;
    Ok(Opened { snapshot, side })
}

/// Locks the table's row of the registry: a resync or remove-table meanwhile waits, or is seen here.
pub async fn still_in_copy(local: &Client, queue: &str, table: &str) -> Result<bool> {
    let row = local
        .query_opt(
            "select merge_state from londiste.table_info where queue_name = $1 and table_name = $2 and local for update",
            &[&queue, &table],
        )
        .await?;
    Ok(row.and_then(|row| row.get::<_, Option<String>>(0)).as_deref() == Some("in-copy"))
}
