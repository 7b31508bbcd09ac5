//! The rows of a large table: ranges of blocks over several connections, each range committed by itself.
//!
//! ```text
//! begin      one transaction: lock, drop indexes and keys, truncate, keep all that in `londiste_rs.copy_run`
//! ranges     streams take range after range; rows and the mark that they are in are one transaction
//! delta      only after an interruption: what changed meanwhile, in one transaction
//! indexes    several at once, each committed by itself
//! end        one transaction: constraints, state `catching-up` with the snapshot
//! ```
//! In one go all ranges are read from one snapshot, F. After an interruption (or after `copy_snapshot_age`) another
//! snapshot S reads the ranges that lack, and exactness has to be earned:
//!
//! - *Old* row versions are those whose transaction id lies below the xmin of F; F sees every old version that S sees.
//!   Versions do not move between blocks (a rewrite of the table is noticed and the copy starts over), so each old version
//!   that S sees is in its range: read from F, or now from S, where the missing ranges are read with old versions only.
//! - All rows that are in are therefore rows of F, each once: no key appears twice, whatever was interrupted how often.
//! - What S sees and is not old is read from the whole table into a temporary one (the delta), and replaces the rows with the
//!   same keys.
//! - A row of F that S does not see was replaced by a version of the same key, which is in the delta, or it was deleted or
//!   changed its key. The queue has a delete event of that then, in a transaction that S sees and F does not; S reads these
//!   events from the event tables, and their keys are deleted before the delta comes in.
//!
//! After that the table is exactly as S sees it, and everything goes on as if it had been copied in one go.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use tokio::task::JoinSet;
use tokio_postgres::Client;

use super::advice::{End, explain};
use super::load::{Opened, open_snapshot, still_in_copy};
use super::objects::{build_indexes, drop_objects, join_all, restore_object};
use super::progress::Progress;
use super::pump::{Route, pump};
use super::run::{Piece, Range, Run, RunRef, identity_of, load_pieces, plan_ranges};
use super::runner::CopyJob;
use super::runner::event_filter;
use super::side::{Format, SideTable, column_list, common_columns};
use super::source::Source;
use crate::apply::{Op, RowChange, RowText};
use crate::error::{Error, ErrorKind, Result};
use crate::node::become_replica;
use crate::pg::copy_text::encode_line;
use crate::pg::structure::load_structure;
use crate::pg::{AppName, ConnInfo, QualifiedName, Session, quote_ident, quote_literal};
use crate::pgq::{Event, Snapshot};
use crate::service::fault;
use crate::sql;
use crate::table::{Table, TableState, store_state};

/// The first server version that reads a range of blocks without reading the blocks before it.
const TID_RANGE_SCAN: u32 = 140_000;
/// From this size on more streams are used.
const VERY_LARGE: i64 = 4 << 30;

/// A copy of a table that may be large.
pub struct LargeCopy<'a> {
    /// What to copy.
    pub job: &'a CopyJob,
    /// Name of the connections.
    pub app: &'a AppName,
    /// This node.
    pub local: &'a Session,
    /// Where the rows are.
    pub source: &'a Source,
    /// The table here.
    pub table: &'a Table,
    /// The table there.
    pub from: QualifiedName,
}

/// Why a copy cannot go on with what is there.
pub struct Stale(pub String);

/// A source session in a transaction whose snapshot others can import, and what it found.
struct Reading {
    session: Arc<Session>,
    export: String,
    snapshot: Snapshot,
    side: SideTable,
    pieces: Vec<Piece>,
}

impl LargeCopy<'_> {
    fn dest(&self) -> QualifiedName {
        QualifiedName::parse(&self.table.dest)
    }

    /// Whether the table is to be copied in ranges; asked before anything is locked.
    pub async fn is_due(&self, source: &Session) -> Result<bool> {
        // A table with rows that stay cannot be emptied to begin again.
        if source.server_version() < TID_RANGE_SCAN
            || self.table.attrs.skip_truncate()
            || self.table.dropped_ddl.is_some()
        {
            return Ok(false);
        }
        let pieces = load_pieces(source, &self.from).await?;
        if !can_be_cut(&pieces, self.job.config.copy_chunk_size) {
            return Ok(false);
        }
        let kept: bool = self
            .local
            .query_one(sql::copy::CAN_KEEP_RUNS, &[])
            .await?
            .get("kept");
        let plain = SideTable::load_local(self.local, &self.dest()).await?.plain;
        Ok(kept && plain && !self.has_siblings().await?)
    }

    async fn has_siblings(&self) -> Result<bool> {
        let queue = &self.job.config.queue_name;
        let row = self
            .local
            .query_one(sql::copy::HAS_SIBLINGS, &[queue, &self.table.name])
            .await?;
        Ok(row.get("any_sibling"))
    }

    /// Begins: everything is dropped, the table empty and the ranges kept. Returns after the ranges are in; `None` when
    /// the table was taken away, or has to be copied in one transaction after all.
    pub async fn begin(&self, source: Session) -> Result<Option<Run>> {
        let (local, table, dest) = (self.local, self.table, self.dest());
        let queue = &self.job.config.queue_name;
        local.batch_execute("begin").await?;
        if !still_in_copy(local, queue, &table.name).await? {
            local.batch_execute("rollback").await?;
            return Ok(None);
        }
        tracing::info!("{}: locking", table.name);
        local
            .batch_execute(&format!("lock table {} in access exclusive mode", dest.quoted()))
            .await
            .map_err(|error| explain(error, End::Here, &table.dest))?;
        let reading = self.read(source).await?;
        let side = SideTable::load_local(local, &dest).await?;
        if !side.plain
            || self.has_siblings().await?
            || !can_be_cut(&reading.pieces, self.job.config.copy_chunk_size)
        {
            local.batch_execute("rollback").await?;
            return Ok(None);
        }
        let columns = common_columns(&table.name, &reading.side, &side)?;
        let key = primary_key(local, &dest).await?;
        // Where rows have another key on the source, its events do not tell of each key here that is gone.
        let key = if is_same_set(&key, &primary_key(&reading.session, &self.from).await?)
            && key.iter().all(|name| columns.contains(name))
        {
            key
        } else {
            Vec::new()
        };
        let objects = drop_objects(local, &dest, &table.name).await?;
        fault::point("copy.structure.dropped");
        tracing::info!("{}: truncating", table.name);
        local
            .batch_execute(&format!("truncate only {}", dest.quoted()))
            .await
            .map_err(|error| explain(error, End::Here, &table.dest))?;
        let ranges = plan_ranges(&reading.pieces, self.job.config.copy_chunk_size);
        let run = Run {
            name: RunRef {
                id: 0,
                queue: queue.clone(),
                table: table.name.clone(),
            },
            source_node: self.source.node.clone(),
            source_files: identity_of(&reading.pieces),
            columns,
            key,
            snapshot: reading.snapshot.clone(),
            is_resumed: false,
        };
        let mut run = run.store(local, &ranges, &objects).await?;
        fault::point("copy.ranges.before-commit");
        local.batch_execute("commit").await?;
        fault::point("copy.ranges.committed");
        tracing::info!("{}: start copy of {} ranges", table.name, ranges.len());
        self.load(&mut run, reading, ranges, 0).await?;
        Ok(Some(run))
    }

    /// Goes on with a run that was interrupted: brings in the rows that lack. `consumer` is the copy's.
    pub async fn resume(&self, run: &mut Run, consumer: &str) -> Result<(), ResumeError> {
        let (missing, all, rows) = run.name.load_ranges(self.local).await?;
        if missing.is_empty() && !run.is_resumed {
            return Ok(());
        }
        if let Some(why) = self.why_stale(run, consumer).await? {
            return Err(ResumeError::Stale(Stale(why)));
        }
        let source = Session::connect(&self.source.info, self.app).await?;
        let reading = self.read(source).await?;
        if let Some(why) = self.why_other(run, &reading).await? {
            return Err(ResumeError::Stale(Stale(why)));
        }
        if !run.is_resumed {
            run.resume(self.local).await?;
            fault::point("copy.resumed.committed");
        }
        tracing::info!(
            "{}: {} of {all} ranges with {rows} rows are here already; going on with the other {}",
            self.table.name,
            all - missing.len(),
            missing.len()
        );
        self.load(run, reading, missing, rows).await?;
        Ok(())
    }

    /// Reasons that need no transaction on the source.
    async fn why_stale(&self, run: &Run, consumer: &str) -> Result<Option<String>> {
        if run.key.is_empty() {
            return Ok(Some(
                "a table without the same primary key on both sides can be copied in one go only".to_owned(),
            ));
        }
        if run.source_node != self.source.node {
            return Ok(Some(format!(
                "it read from node {}, and the source is node {} now",
                run.source_node, self.source.node
            )));
        }
        let Some(completed) = self.table.copy_tick else {
            return Ok(Some("the position of its copy is lost".to_owned()));
        };
        let source = Session::connect(&self.source.info, self.app).await?;
        let row = source
            .query_opt(
                sql::copy::FIND_CONSUMER,
                &[&self.job.config.queue_name, &consumer],
            )
            .await?;
        source.close().await;
        let position: Option<i64> = row.and_then(|row| row.get("last_tick"));
        Ok(match position {
            Some(tick) if tick <= completed.0 => None,
            _ => Some("its consumer lost its position on the source".to_owned()),
        })
    }

    /// Whether the source, seen now, is another table than the one whose rows are in.
    async fn why_other(&self, run: &Run, reading: &Reading) -> Result<Option<String>> {
        if identity_of(&reading.pieces) != run.source_files {
            return Ok(Some(
                "the table was rewritten or emptied on the source".to_owned(),
            ));
        }
        if !reading.snapshot.covers(&run.snapshot) {
            return Ok(Some("the source was set back".to_owned()));
        }
        // Ids of row versions have 32 bits: older and younger can be told apart up to half of the circle.
        if reading.snapshot.xmax() - run.snapshot.xmin() >= 1 << 31 {
            return Ok(Some("its rows are too old".to_owned()));
        }
        let here = SideTable::load_local(self.local, &self.dest()).await?;
        if common_columns(&self.table.name, &reading.side, &here)? != run.columns {
            return Ok(Some("the columns are other ones now".to_owned()));
        }
        Ok(None)
    }

    async fn read(&self, source: Session) -> Result<Reading> {
        let Opened { snapshot, side } = open_snapshot(&source, &self.from, &self.source.node).await?;
        let export: String = source
            .query_one("select pg_catalog.pg_export_snapshot()", &[])
            .await?
            .get(0);
        if needs_bare_path(&side) {
            source.batch_execute("set local search_path = ''").await?;
        }
        // After the snapshot: what it sees lies below the present ends of the files.
        let pieces = load_pieces(&source, &self.from).await?;
        Ok(Reading {
            session: Arc::new(source),
            export,
            snapshot,
            side,
            pieces,
        })
    }

    /// Brings in `ranges`, with as many snapshots as that takes, and what changed between them.
    async fn load(
        &self,
        run: &mut Run,
        reading: Reading,
        ranges: Vec<Range>,
        rows_before: u64,
    ) -> Result<()> {
        let started = Instant::now();
        let expected = reading.side.estimated_rows;
        let progress = Arc::new(Progress::start(
            &self.job.progress,
            &self.table.name,
            expected,
            rows_before,
        ));
        progress.phase("copying");
        let (mut reading, mut missing, mut rows) = (reading, ranges, 0);
        loop {
            let (left, copied) = self.load_ranges(run, &reading, missing, &progress).await?;
            rows += copied;
            if left.is_empty() {
                break;
            }
            missing = left;
            tracing::info!(
                "{}: its snapshot is older than copy_snapshot_age; a new one for the {} ranges that lack",
                self.table.name,
                missing.len()
            );
            let next = Session::connect(&self.source.info, self.app).await?;
            let next = self.read(next).await?;
            if let Some(why) = self.why_other(run, &next).await? {
                // The next try finds the same and starts over.
                return Err(starts_over(why));
            }
            if !run.is_resumed {
                run.resume(self.local).await?;
            }
            reading = next;
        }
        if run.is_resumed {
            progress.phase("bringing in what changed");
            self.bring_up(run, &reading, &progress).await?;
        }
        reading.session.batch_execute("commit").await?;
        let (bytes, _) = progress.totals();
        tracing::info!(
            "{}: copy finished: {bytes} bytes, {rows} rows in {:.1} s",
            self.table.name,
            started.elapsed().as_secs_f64()
        );
        Ok(())
    }

    fn format_of(&self, run: &Run, source: &SideTable, here: &SideTable) -> Format {
        Format::choose(source, here, &run.columns)
    }

    async fn load_ranges(
        &self,
        run: &Run,
        reading: &Reading,
        ranges: Vec<Range>,
        progress: &Arc<Progress>,
    ) -> Result<(Vec<Range>, u64)> {
        if ranges.is_empty() {
            return Ok((ranges, 0));
        }
        let config = &self.job.config;
        let here = SideTable::load_local(self.local, &self.dest()).await?;
        let streams = self.streams(&reading.pieces).min(ranges.len());
        let age = config.copy_snapshot_age;
        let may_renew = !age.is_zero() && !run.key.is_empty();
        let work = Arc::new(Work {
            run: run.name.clone(),
            dest: self.table.dest.clone(),
            dest_quoted: self.dest().quoted(),
            node: self.source.node.clone(),
            from: self.from.to_string(),
            columns: column_list(&run.columns),
            only_old: run.is_resumed.then(|| is_new(&run.snapshot)),
            format: self.format_of(run, &reading.side, &here),
            bare_path: needs_bare_path(&reading.side),
            replay_without_role: self.job.config.replay_without_role,
            export: reading.export.clone(),
            lock: lock_of(&self.from, &reading.side),
            count: ranges.len(),
            ranges: Mutex::new(VecDeque::from(ranges)),
            rows: Mutex::new(0),
            until: may_renew.then(|| Instant::now() + age),
            progress: progress.clone(),
        });
        let local_info = ConnInfo::parse(&config.db)?;
        let mut tasks = JoinSet::new();
        // The session that holds the lock works, too: whatever the others meet, one stream always goes on.
        tasks.spawn(run_stream(
            work.clone(),
            Some(reading.session.clone()),
            self.source.info.clone(),
            local_info.clone(),
            self.app.clone(),
        ));
        for _ in 1..streams {
            tasks.spawn(run_stream(
                work.clone(),
                None,
                self.source.info.clone(),
                local_info.clone(),
                self.app.clone(),
            ));
        }
        join_all(tasks).await?;
        let left = std::mem::take(&mut *work.ranges.lock().expect("no holder panics"));
        let rows = *work.rows.lock().expect("no holder panics");
        Ok((left.into(), rows))
    }

    fn streams(&self, pieces: &[Piece]) -> usize {
        let bytes: i64 = pieces.iter().map(|piece| piece.bytes).sum();
        match self.job.config.copy_streams {
            0 if bytes < VERY_LARGE => 2,
            0 => 4,
            streams => streams,
        }
    }

    /// Brings the table from the run's snapshot to that of `reading`.
    async fn bring_up(&self, run: &mut Run, reading: &Reading, progress: &Progress) -> Result<()> {
        let (local, dest) = (self.local, self.dest().quoted());
        let columns = column_list(&run.columns);
        let keys = column_list(&run.key);
        let here = SideTable::load_local(local, &self.dest()).await?;
        let format = self.format_of(run, &reading.side, &here);
        local.batch_execute("begin").await?;
        run.name.hold(local).await?;
        local
            .batch_execute(&format!(
                "create temporary table londiste_copy_gone on commit drop as select {keys} from only {dest} with no data; \
                 create temporary table londiste_copy_new on commit drop as select {columns} from only {dest} with no data"
            ))
            .await?;
        let gone = self.load_gone(run, reading).await?;
        let mut new = 0;
        for piece in &reading.pieces {
            new += pump(
                &Route {
                    source: &reading.session,
                    node: &self.source.node,
                    from: &piece.relation,
                    read: &format!(
                        "copy (select {columns} from only {} where {}) to stdout {})",
                        piece.relation,
                        is_new(&run.snapshot),
                        format.option()
                    ),
                    local,
                    dest: &self.table.dest,
                    write: &format!(
                        "copy pg_temp.londiste_copy_new ({columns}) from stdin {})",
                        format.option()
                    ),
                    format,
                },
                progress,
            )
            .await?;
        }
        let same_key: Vec<String> = run
            .key
            .iter()
            .map(|name| format!("t.{0} = c.{0}", quote_ident(name)))
            .collect();
        let same_key = same_key.join(" and ");
        local
            .batch_execute(&format!(
                "analyze pg_temp.londiste_copy_gone; analyze pg_temp.londiste_copy_new; \
                 delete from only {dest} t using pg_temp.londiste_copy_gone c where {same_key}; \
                 delete from only {dest} t using pg_temp.londiste_copy_new c where {same_key}; \
                 insert into {dest} ({columns}) overriding system value select {columns} from pg_temp.londiste_copy_new"
            ))
            .await
            .map_err(|error| explain(error, End::Here, &self.table.dest))?;
        run.unify(local, &reading.snapshot).await?;
        fault::point("copy.delta.before-commit");
        local.batch_execute("commit").await?;
        fault::point("copy.delta.committed");
        tracing::info!(
            "{}: {new} rows that changed and {gone} that were deleted since the interruption are brought in",
            self.table.name
        );
        Ok(())
    }

    /// Loads the keys of the rows that were deleted between the two snapshots.
    async fn load_gone(&self, run: &Run, reading: &Reading) -> Result<u64> {
        let queue = &self.job.config.queue_name;
        let events: String = reading
            .session
            .query_one(sql::copy::FIND_EVENT_TABLE, &[queue])
            .await?
            .get("name");
        let read = format!(
            "select ev_id, ev_txid, ev_type, ev_data from {} \
              where ev_txid >= $1 and not pg_catalog.txid_visible_in_snapshot(ev_txid, {}::pg_catalog.txid_snapshot) \
                and {} and (ev_type in ('D', 'R') or ev_type like 'D:%' or ev_type like '{{%')",
            QualifiedName::parse(&events).quoted(),
            quote_literal(&run.snapshot.to_string()),
            event_filter(&self.table.name),
        );
        let rows = reading
            .session
            .query_raw(read.as_str(), [run.snapshot.xmin()])
            .await
            .map_err(|error| explain(error, End::Source(&self.source.node), &events))?;
        futures::pin_mut!(rows);
        let write = self
            .local
            .copy_in::<_, Bytes>(&format!(
                "copy pg_temp.londiste_copy_gone ({}) from stdin",
                column_list(&run.key)
            ))
            .await?;
        futures::pin_mut!(write);
        let (mut lines, mut unfit) = (Vec::new(), None);
        while let Some(row) = rows.next().await {
            let row = row?;
            let event = Event {
                id: row.get("ev_id"),
                time: String::new(),
                txid: row.get("ev_txid"),
                retry: None,
                ev_type: row.get("ev_type"),
                data: row.get("ev_data"),
                extra1: None,
                extra2: None,
                extra3: None,
                extra4: None,
            };
            if let Err(why) = add_key(&event, &run.key, &mut lines) {
                unfit.get_or_insert(why);
            }
            if lines.len() >= 64 << 10 {
                write.feed(Bytes::from(std::mem::take(&mut lines))).await?;
            }
        }
        write.feed(Bytes::from(lines)).await?;
        let count = write
            .finish()
            .await
            .map_err(|error| explain(error, End::Here, &self.table.dest))?;
        match unfit {
            None => Ok(count),
            Some(why) => {
                self.local.batch_execute("rollback").await?;
                self.start_over(run, &why).await?;
                Err(starts_over(why))
            }
        }
    }

    /// Gives the run up: the table is empty and whole again.
    pub async fn start_over(&self, run: &Run, why: &str) -> Result<()> {
        tracing::warn!("{}: the copy starts over: {why}", self.table.name);
        run.abandon(self.local, &self.dest()).await
    }

    /// Puts everything back and moves the table on. All rows are in.
    pub async fn finish(&self, run: &Run) -> Result<()> {
        let result = self.put_back(run).await;
        if let Err(error) = &result
            && error.sqlstate().is_some_and(|code| code.starts_with("23"))
        {
            // Nobody could repair what is only in our books: the table gets its definitions back, without the rows.
            self.local.batch_execute("rollback").await?;
            self.start_over(run, "its rows do not fit its definition").await?;
        }
        result
    }

    async fn put_back(&self, run: &Run) -> Result<()> {
        let (local, config) = (self.local, &self.job.config);
        let objects = run.name.load_objects(local).await?;
        let indexes: Vec<(String, String)> = objects
            .iter()
            .filter_map(|object| Some((object.name.clone(), object.index_sql.clone()?)))
            .collect();
        if !indexes.is_empty() {
            let started = Instant::now();
            let jobs = match config.copy_index_jobs {
                0 if config.copy_streams == 0 => 2,
                0 => config.copy_streams,
                jobs => jobs,
            };
            let info = ConnInfo::parse(&config.db)?;
            build_indexes(&info, self.app, &run.name, &self.table.dest, indexes, jobs).await?;
            tracing::info!(
                "{}: indexes built in {:.1} s",
                self.table.name,
                started.elapsed().as_secs_f64()
            );
        }
        local.batch_execute("begin").await?;
        if !still_in_copy(local, &config.queue_name, &self.table.name).await? {
            local.batch_execute("rollback").await?;
            return Ok(());
        }
        run.name.hold(local).await?;
        for object in &objects {
            restore_object(local, &self.table.dest, &object.name, &object.other_sql).await?;
        }
        fault::point("copy.structure.restored");
        let (from, to) = (TableState::InCopy, TableState::CatchingUp);
        let snapshot = Some(&run.snapshot);
        if !store_state(local, &config.queue_name, &self.table.name, from, to, snapshot).await? {
            return Err(Error::internal(format!(
                "the state of table \"{}\" changed under its lock",
                self.table.name
            )));
        }
        run.end(local).await?;
        fault::point("copy.data.before-commit");
        local.batch_execute("commit").await?;
        fault::point("copy.data.committed");
        Ok(())
    }
}

async fn primary_key(session: &Session, table: &QualifiedName) -> Result<Vec<String>> {
    Ok(load_structure(&**session, table)
        .await?
        .map_or_else(Vec::new, |structure| structure.primary_key().to_vec()))
}

fn is_same_set(one: &[String], other: &[String]) -> bool {
    one.len() == other.len() && one.iter().all(|name| other.contains(name))
}

/// Why a run did not go on.
pub enum ResumeError {
    /// It cannot: it has to be started over.
    Stale(Stale),
    /// Not now.
    Failed(Error),
}

impl From<Error> for ResumeError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Nothing is broken: the next try begins at once, and finds what has to be done.
fn starts_over(why: String) -> Error {
    Error::new(ErrorKind::Busy, "the copy starts over").with_detail(why)
}

/// Whether the files can be read in ranges, and are large enough for more than one.
fn can_be_cut(pieces: &[Piece], chunk: u64) -> bool {
    let bytes: i64 = pieces.iter().map(|piece| piece.bytes).sum();
    let enough = chunk > 0 && u64::try_from(bytes).unwrap_or(0) / 2 >= chunk;
    enough && pieces.iter().all(|piece| piece.plain) && pieces.iter().any(|piece| piece.blocks > 1)
}

/// Condition: the row version is not older than the snapshot. Ids of versions are the low 32 bits, on a circle.
fn is_new(snapshot: &Snapshot) -> String {
    let low = snapshot.xmin() & 0xffff_ffff;
    format!("(xmin::pg_catalog.text::pg_catalog.int8 - {low} + 4294967296) % 4294967296 < 2147483648")
}

/// Names are printed without schema where the path of the reading session would find them; that of the writing session may
/// be another one.
pub fn needs_bare_path(side: &SideTable) -> bool {
    side.columns.iter().any(|column| column.names_objects)
}

fn lock_of(from: &QualifiedName, side: &SideTable) -> Option<String> {
    side.has_rows()
        .then(|| format!("lock table {} in access share mode nowait", from.quoted()))
}

/// Adds the key of a deleted row as a line of COPY text; an error says why that cannot be done.
fn add_key(event: &Event, key: &[String], lines: &mut Vec<u8>) -> Result<(), String> {
    if event.kind() == "R" {
        return Err("the table was emptied on the source".to_owned());
    }
    let change = RowChange::decode(RowText::of(event)).map_err(|error| error.line())?;
    match change {
        RowChange::Row {
            op: Op::Delete,
            columns,
            key: named,
        } => {
            if named.len() != key.len() || !named.iter().all(|name| key.iter().any(|k| k == name)) {
                return Err(format!(
                    "event {} names another key than the table here has",
                    event.id
                ));
            }
            let mut values = Vec::new();
            for name in key {
                match columns.iter().find(|(column, _)| column == name) {
                    Some((_, Some(value))) => values.push(Some(value.as_bytes())),
                    _ => return Err(format!("event {} lacks the key", event.id)),
                }
            }
            encode_line(lines, values);
            Ok(())
        }
        RowChange::Row { .. } => Ok(()),
        RowChange::Fragment { .. } => Err(format!("event {} has no key that could be read", event.id)),
    }
}

/// What the streams of a copy share.
struct Work {
    run: RunRef,
    dest: String,
    dest_quoted: String,
    node: String,
    from: String,
    columns: String,
    only_old: Option<String>,
    format: Format,
    bare_path: bool,
    replay_without_role: bool,
    export: String,
    lock: Option<String>,
    // How many there were.
    count: usize,
    ranges: Mutex<VecDeque<Range>>,
    rows: Mutex<u64>,
    until: Option<Instant>,
    progress: Arc<Progress>,
}

impl Work {
    /// A connection for one more stream; nothing when the server has none left.
    async fn connect(&self, info: &ConnInfo, app: &AppName) -> Result<Option<Session>> {
        match Session::connect(info, app).await {
            Ok(session) => Ok(Some(session)),
            Err(error) if error.sqlstate() == Some("53300") => {
                tracing::info!("{}: one stream less: {}", self.run.table, error.line());
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn next_range(&self) -> Option<Range> {
        let mut ranges = self.ranges.lock().expect("no holder panics");
        // However young a snapshot must be: each brings one range at least, or the copy would never end.
        if ranges.len() < self.count && self.until.is_some_and(|until| until <= Instant::now()) {
            return None;
        }
        ranges.pop_front()
    }
}

async fn run_stream(
    work: Arc<Work>,
    leader: Option<Arc<Session>>,
    source: ConnInfo,
    local: ConnInfo,
    app: AppName,
) -> Result<()> {
    let leads = leader.is_some();
    let source = match leader {
        Some(session) => session,
        None => {
            let Some(session) = work.connect(&source, &app).await? else {
                return Ok(());
            };
            session
                .batch_execute(&format!(
                    "begin isolation level repeatable read read only; set transaction snapshot {}",
                    quote_literal(&work.export)
                ))
                .await?;
            // Somebody waits for an exclusive lock: behind it this stream, and with it the copy that he waits for, would
            // wait for ever.
            if let Some(lock) = &work.lock
                && let Err(error) = session.batch_execute(lock).await
            {
                if error.as_db_error().is_none() {
                    return Err(error.into());
                }
                tracing::info!(
                    "{}: one stream less: {}",
                    work.run.table,
                    Error::from(error).line()
                );
                return Ok(());
            }
            if work.bare_path {
                session.batch_execute("set local search_path = ''").await?;
            }
            Arc::new(session)
        }
    };
    let local = if leads {
        Session::connect(&local, &app).await?
    } else {
        let Some(session) = work.connect(&local, &app).await? else {
            return Ok(());
        };
        session
    };
    become_replica(&local, work.replay_without_role).await?;
    // A range that a crash of the server takes away is copied again; the commit that ends the copy is durable.
    local.batch_execute("set synchronous_commit = off").await?;
    while let Some(range) = work.next_range() {
        let rows = copy_range(&work, &source, &local, &range).await?;
        *work.rows.lock().expect("no holder panics") += rows;
    }
    local.close().await;
    if !leads && let Some(session) = Arc::into_inner(source) {
        session.close().await;
    }
    Ok(())
}

async fn copy_range(work: &Work, source: &Client, local: &Client, range: &Range) -> Result<u64> {
    let mut read = format!(
        "copy (select {} from only {} where ctid >= '({},0)' and ctid < '({},0)'",
        work.columns, range.relation, range.first_block, range.end_block
    );
    if let Some(is_new) = &work.only_old {
        let _ = write!(read, " and not ({is_new})");
    }
    let _ = write!(read, ") to stdout {})", work.format.option());
    let write = format!(
        "copy {} ({}) from stdin {})",
        work.dest_quoted,
        work.columns,
        work.format.option()
    );
    local.batch_execute("begin").await?;
    work.run.hold(local).await?;
    let rows = pump(
        &Route {
            source,
            node: &work.node,
            from: &work.from,
            read: &read,
            local,
            dest: &work.dest,
            write: &write,
            format: work.format,
        },
        &work.progress,
    )
    .await
    .map_err(|error| {
        error.context(format!(
            "copy of table \"{}\", blocks {} to {}",
            work.run.table,
            range.first_block,
            range.end_block - 1
        ))
    })?;
    work.run.finish_range(local, range, rows).await?;
    fault::point("copy.range.before-commit");
    local.batch_execute("commit").await?;
    fault::point("copy.range.committed");
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deleted(kind: &str, data: &str) -> Event {
        Event {
            id: 7,
            time: String::new(),
            txid: 1,
            retry: None,
            ev_type: Some(kind.to_owned()),
            data: Some(data.to_owned()),
            extra1: None,
            extra2: None,
            extra3: None,
            extra4: None,
        }
    }

    #[test]
    fn keys_of_deletes_in_each_format() {
        let key = ["b".to_owned(), "a".to_owned()];
        let mut lines = Vec::new();
        add_key(&deleted("D:a,b", "a=1&b=x%09y&c=2"), &key, &mut lines).unwrap();
        add_key(
            &deleted(r#"{"op":"DELETE","pkey":["a","b"]}"#, r#"{"a":2,"b":"z"}"#),
            &key,
            &mut lines,
        )
        .unwrap();
        add_key(
            &deleted(r#"{"op":"UPDATE","pkey":["a","b"]}"#, r#"{"a":3}"#),
            &key,
            &mut lines,
        )
        .unwrap();
        assert_eq!(lines, b"x\\ty\t1\nz\t2\n");
        for (kind, data) in [("D", "a='1'"), ("R", ""), ("D:a", "a=1"), ("D:a,b", "a=1")] {
            assert!(add_key(&deleted(kind, data), &key, &mut lines).is_err(), "{kind}");
        }
    }

    #[test]
    fn tables_are_cut_from_two_chunks_on() {
        let piece = |bytes, plain| Piece {
            relation: String::new(),
            identity: String::new(),
            blocks: bytes / 8192,
            bytes,
            plain,
        };
        assert!(!can_be_cut(&[], 1));
        assert!(!can_be_cut(&[piece(1 << 20, true)], 0));
        assert!(!can_be_cut(&[piece(1 << 20, true)], 1 << 20));
        assert!(can_be_cut(&[piece(1 << 20, true), piece(1 << 20, true)], 1 << 20));
        assert!(!can_be_cut(
            &[piece(1 << 20, true), piece(1 << 20, false)],
            1 << 20
        ));
    }
}
