//! What is kept of a copy in ranges (`londiste_rs.copy_run` and its parts), so that another process can go on with it.
//!
//! It counts while `table_info.dropped_ddl` begins with the copy's mark: whatever takes a table out of its copy (resync,
//! remove-table, the ancestor's programs too) empties the table and runs the statements behind the mark, and with
//! that the record is void.

use tokio_postgres::Client;

use super::objects::restore_object;
use crate::error::{Error, ErrorKind, Result};
use crate::pg::QualifiedName;
use crate::pg::structure::DroppableObject;
use crate::pgq::Snapshot;
use crate::sql;

/// A copy in ranges, as other sessions need to know it.
#[derive(Debug, Clone)]
pub struct RunRef {
    /// Its id.
    pub id: i64,
    /// Name of the queue.
    pub queue: String,
    /// Global name of the table.
    pub table: String,
}

/// A copy in ranges.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its id and table.
    pub name: RunRef,
    /// Node whose rows are read.
    pub source_node: String,
    /// Identity of its files.
    pub source_files: String,
    /// Columns that are copied.
    pub columns: Vec<String>,
    /// Primary key here; without one the missing ranges cannot be read from another snapshot.
    pub key: Vec<String>,
    /// All rows that are in are rows of this snapshot.
    pub snapshot: Snapshot,
    /// Some of them were read later: what changed until then lacks.
    pub is_resumed: bool,
}

/// Blocks of one file of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// Its number.
    pub number: i32,
    /// The file's relation, quoted.
    pub relation: String,
    /// First block.
    pub first_block: i64,
    /// The block behind the last one.
    pub end_block: i64,
}

/// Something that comes back after the rows.
#[derive(Debug, Clone)]
pub struct KeptObject {
    /// Its name.
    pub name: String,
    /// Builds its index.
    pub index_sql: Option<String>,
    /// Follows.
    pub other_sql: Vec<String>,
}

/// A file of the source.
#[derive(Debug, Clone)]
pub struct Piece {
    /// Quoted name.
    pub relation: String,
    /// Changes with every rewrite.
    pub identity: String,
    /// Its blocks.
    pub blocks: i64,
    /// Its size with long values.
    pub bytes: i64,
    /// Whether it can be read in ranges.
    pub plain: bool,
}

/// Lists the files of a table.
pub async fn load_pieces(source: &Client, table: &QualifiedName) -> Result<Vec<Piece>> {
    let rows = source
        .query(sql::copy::LIST_PIECES, &[&table.schema, &table.name])
        .await?;
    Ok(rows
        .iter()
        .map(|row| Piece {
            relation: row.get("relation"),
            identity: row.get("identity"),
            blocks: row.get("blocks"),
            bytes: row.get("bytes"),
            plain: row.get("plain"),
        })
        .collect())
}

/// All identities as one text.
pub fn identity_of(pieces: &[Piece]) -> String {
    let all: Vec<&str> = pieces.iter().map(|piece| piece.identity.as_str()).collect();
    all.join(" ")
}

/// More ranges than this only cost bookkeeping.
const MOST_RANGES: i64 = 4096;

/// Cuts the files into ranges of about `chunk` bytes, long values included.
pub fn plan_ranges(pieces: &[Piece], chunk: u64) -> Vec<Range> {
    let total: i64 = pieces.iter().map(|piece| piece.bytes).sum();
    let chunk = i64::try_from(chunk)
        .unwrap_or(i64::MAX)
        .max(total / MOST_RANGES)
        .max(1);
    let mut ranges = Vec::new();
    for piece in pieces {
        if piece.blocks <= 0 {
            continue;
        }
        let parts = (piece.bytes / chunk).clamp(1, piece.blocks);
        let step = (piece.blocks + parts - 1) / parts;
        let mut first_block = 0;
        while first_block < piece.blocks {
            let end_block = (first_block + step).min(piece.blocks);
            ranges.push(Range {
                number: ranges.len() as i32 + 1,
                relation: piece.relation.clone(),
                first_block,
                end_block,
            });
            first_block = end_block;
        }
    }
    ranges
}

impl RunRef {
    /// First line of `dropped_ddl`.
    fn mark(&self) -> String {
        format!("-- londiste_rs.copy_run {}", self.id)
    }

    /// Holds the table in this copy until the transaction of `local` ends.
    ///
    /// # Errors
    /// When it is not in it any more.
    pub async fn hold(&self, local: &Client) -> Result<()> {
        let row = local
            .query_opt(sql::copy::HOLD_RUN, &[&self.queue, &self.table, &self.id])
            .await?;
        if row.is_some() {
            Ok(())
        } else {
            // The next look at the table says what to do instead.
            Err(Error::new(
                ErrorKind::Busy,
                format!("table \"{}\" was taken out of its copy", self.table),
            ))
        }
    }

    /// Notes that a range is in.
    pub async fn finish_range(&self, local: &Client, range: &Range, rows: u64) -> Result<()> {
        let rows = i64::try_from(rows).unwrap_or(i64::MAX);
        let noted = local
            .execute(sql::copy::FINISH_RANGE, &[&self.id, &range.number, &rows])
            .await?;
        if noted == 1 {
            Ok(())
        } else {
            Err(Error::internal(format!(
                "range {} of the copy of table \"{}\" is not there to be finished",
                range.number, self.table
            )))
        }
    }

    /// The ranges that lack, the number of all, and the rows that are in.
    pub async fn load_ranges(&self, local: &Client) -> Result<(Vec<Range>, usize, u64)> {
        let rows = local.query(sql::copy::LIST_RANGES, &[&self.id]).await?;
        let (mut missing, mut copied) = (Vec::new(), 0);
        for row in &rows {
            match row.get::<_, Option<i64>>("row_count") {
                Some(count) => copied += count.max(0) as u64,
                None => missing.push(Range {
                    number: row.get("range_nr"),
                    relation: row.get("relation"),
                    first_block: row.get("first_block"),
                    end_block: row.get("end_block"),
                }),
            }
        }
        Ok((missing, rows.len(), copied))
    }

    /// What comes back after the rows.
    pub async fn load_objects(&self, local: &Client) -> Result<Vec<KeptObject>> {
        let rows = local.query(sql::copy::LIST_OBJECTS, &[&self.id]).await?;
        Ok(rows
            .iter()
            .map(|row| KeptObject {
                name: row.get("object_name"),
                index_sql: row.get("index_sql"),
                other_sql: row.get("other_sql"),
            })
            .collect())
    }
}

impl Run {
    /// The copy in ranges that the table is in.
    pub async fn find(local: &Client, queue: &str, table: &str) -> Result<Option<Self>> {
        let Some(row) = local.query_opt(sql::copy::FIND_RUN, &[&queue, &table]).await? else {
            return Ok(None);
        };
        Ok(Some(Self {
            name: RunRef {
                id: row.get("copy_id"),
                queue: queue.to_owned(),
                table: table.to_owned(),
            },
            source_node: row.get("source_node"),
            source_files: row.get("source_files"),
            columns: row.get("column_names"),
            key: row.get("key_columns"),
            snapshot: row.get::<_, &str>("row_snapshot").parse()?,
            is_resumed: row.get("is_resumed"),
        }))
    }

    /// Keeps a new one, in the transaction that dropped `objects` and emptied the table.
    pub async fn store(
        mut self,
        local: &Client,
        ranges: &[Range],
        objects: &[DroppableObject],
    ) -> Result<Self> {
        let (queue, table) = (self.name.queue.clone(), self.name.table.clone());
        local.execute(sql::copy::FORGET_RUN, &[&queue, &table]).await?;
        self.name.id = local
            .query_one(
                sql::copy::INSERT_RUN,
                &[
                    &queue,
                    &table,
                    &self.source_node,
                    &self.source_files,
                    &self.columns,
                    &self.key,
                    &self.snapshot.to_string(),
                ],
            )
            .await?
            .get("copy_id");
        let relations: Vec<&str> = ranges.iter().map(|range| range.relation.as_str()).collect();
        let first: Vec<i64> = ranges.iter().map(|range| range.first_block).collect();
        let end: Vec<i64> = ranges.iter().map(|range| range.end_block).collect();
        local
            .execute(
                sql::copy::INSERT_RANGES,
                &[&self.name.id, &relations, &first, &end],
            )
            .await?;
        let mut ddl = self.name.mark();
        ddl.push('\n');
        for (number, object) in (1i32..).zip(objects) {
            let (index, other) = (object.index_sql(), object.other_sql());
            for statement in index.iter().chain(other) {
                ddl.push_str(statement);
                ddl.push_str(";\n");
            }
            local
                .execute(
                    sql::copy::INSERT_OBJECT,
                    &[&self.name.id, &number, &object.name, &index, &other],
                )
                .await?;
        }
        local
            .query_one(
                "select ret_code from londiste.local_set_table_struct($1, $2, $3)",
                &[&queue, &table, &ddl],
            )
            .await?;
        Ok(self)
    }

    /// Notes that the rest is read from another snapshot.
    pub async fn resume(&mut self, local: &Client) -> Result<()> {
        local.execute(sql::copy::RESUME_RUN, &[&self.name.id]).await?;
        self.is_resumed = true;
        Ok(())
    }

    /// Notes that all rows are those of `snapshot` now.
    pub async fn unify(&mut self, local: &Client, snapshot: &Snapshot) -> Result<()> {
        local
            .execute(sql::copy::UNIFY_RUN, &[&self.name.id, &snapshot.to_string()])
            .await?;
        self.snapshot = snapshot.clone();
        self.is_resumed = false;
        Ok(())
    }

    /// Ends it in the transaction that moves the table on: everything is back.
    pub async fn end(&self, local: &Client) -> Result<()> {
        let (queue, table) = (&self.name.queue, &self.name.table);
        local
            .query_one(
                "select ret_code from londiste.local_set_table_struct($1, $2, null)",
                &[queue, table],
            )
            .await?;
        local.execute(sql::copy::FORGET_RUN, &[queue, table]).await?;
        Ok(())
    }

    /// Gives it up: empties the table and puts everything back, in one transaction. The state stays `in-copy`.
    pub async fn abandon(&self, local: &Client, dest: &QualifiedName) -> Result<()> {
        local.batch_execute("begin").await?;
        self.name.hold(local).await?;
        local
            .batch_execute(&format!("truncate only {}", dest.quoted()))
            .await?;
        for object in self.name.load_objects(local).await? {
            let statements: Vec<String> = object.index_sql.into_iter().chain(object.other_sql).collect();
            restore_object(local, &dest.to_string(), &object.name, &statements).await?;
        }
        self.end(local).await?;
        local.batch_execute("commit").await?;
        Ok(())
    }
}

/// Forgets runs of `queue` whose table was taken out of them; nothing happens where none are kept.
pub async fn forget_void_runs(local: &Client, queue: &str) -> Result<()> {
    let kept: bool = local.query_one(sql::copy::CAN_KEEP_RUNS, &[]).await?.get("kept");
    if kept {
        local.execute(sql::copy::FORGET_VOID_RUNS, &[&queue]).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(relation: &str, blocks: i64, bytes: i64) -> Piece {
        Piece {
            relation: relation.to_owned(),
            identity: String::new(),
            blocks,
            bytes,
            plain: true,
        }
    }

    fn cut(pieces: &[Piece], chunk: u64) -> Vec<(String, i64, i64)> {
        plan_ranges(pieces, chunk)
            .into_iter()
            .map(|range| (range.relation, range.first_block, range.end_block))
            .collect()
    }

    #[test]
    fn ranges_cover_every_block_once() {
        let block = 8192;
        assert_eq!(cut(&[piece("a", 0, 0)], 100), []);
        assert_eq!(cut(&[piece("a", 10, 10 * block)], 1 << 40), [("a".into(), 0, 10)]);
        assert_eq!(
            cut(
                &[piece("a", 10, 10 * block), piece("b", 1, 8 * block)],
                4 * block as u64
            ),
            [("a".into(), 0, 5), ("a".into(), 5, 10), ("b".into(), 0, 1)]
        );
        for blocks in 1..200 {
            for chunk in [1, 3, 8, 1000] {
                let ranges = cut(&[piece("a", blocks, blocks * block)], chunk * block as u64);
                let mut next = 0;
                for (_, first, end) in &ranges {
                    assert_eq!(*first, next);
                    assert!(end > first);
                    next = *end;
                }
                assert_eq!(next, blocks);
            }
        }
        let huge = cut(&[piece("a", 1 << 30, (1 << 30) * block)], 1 << 20);
        assert!(huge.len() as i64 <= MOST_RANGES + 1, "{}", huge.len());
    }
}
