//! Compares the rows of a table on two nodes at the same point of the stream (londiste.md 10).
//!
//! Ancestor's method: where the source is the root, writers of the one table wait until the subscriber has replayed
//! everything before a tick that was made after they stopped; where the source is a branch, its worker stands still
//! instead. Then both sides take a snapshot, the writers (or the worker) go on, and both sides are scanned at leisure.
//! Nothing is written. If the process dies, the server releases the lock with the connection; a paused worker of a branch
//! stays paused and says so in `status`.

pub mod digest;
mod format;
mod meet;

pub use format::Format;
pub use meet::{Ends, MeetLimit};

use tracing::info;

use crate::error::{Error, ErrorKind, Result};
use crate::pg::structure::{RelationKind, TableStructure};
use crate::pg::{QualifiedName, Session, quote_ident};
use digest::Digest;

/// What was found on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Formatted result of the source.
    pub src: String,
    /// Formatted result of this node.
    pub dst: String,
}

impl Outcome {
    /// Whether both sides say the same.
    pub fn is_equal(&self) -> bool {
        self.src == self.dst
    }
}

/// One side of a comparison: a connection inside a REPEATABLE READ transaction, and the table there.
pub struct Side<'a> {
    /// The connection.
    pub session: &'a Session,
    /// The table's structure there.
    pub structure: &'a TableStructure,
}

/// What to ask of each side.
#[derive(Debug, Clone)]
pub struct Question {
    /// Query template with `_COLS_` and `_TABLE_`.
    pub template: String,
    /// How an answer becomes text.
    pub format: Format,
}

impl Question {
    /// The question for `digest`; templates of the job file win.
    pub fn new(digest: Digest, compare_sql: Option<&str>, compare_fmt: Option<&str>) -> Result<Self> {
        let format = compare_fmt.unwrap_or(if digest == Digest::CountOnly {
            "%(cnt)d rows"
        } else {
            "%(cnt)d rows, checksum=%(chksum)s"
        });
        Ok(Self {
            template: compare_sql.unwrap_or(digest.template()).to_owned(),
            format: Format::parse(format)?,
        })
    }
}

/// Names of the columns that both sides have, in the source's order, and of those that only one has.
pub fn common_columns(source: &TableStructure, destination: &TableStructure) -> (Vec<String>, Vec<String>) {
    let (common, mut single): (Vec<String>, Vec<String>) = source
        .columns
        .iter()
        .map(|c| c.name.clone())
        .partition(|name| destination.column(name).is_some());
    single.extend(
        destination
            .columns
            .iter()
            .map(|c| c.name.clone())
            .filter(|name| source.column(name).is_none()),
    );
    (common, single)
}

/// Scans both sides at once and formats what they say.
pub async fn scan(
    source: &Side<'_>,
    destination: &Side<'_>,
    columns: &[String],
    question: &Question,
) -> Result<Outcome> {
    let (src, dst) = tokio::try_join!(
        ask(source, columns, question),
        ask(destination, columns, question)
    )?;
    info!("srcdb: {src}");
    info!("dstdb: {dst}");
    Ok(Outcome { src, dst })
}

async fn ask(side: &Side<'_>, columns: &[String], question: &Question) -> Result<String> {
    let sql = fill(
        &question.template,
        columns,
        &side.structure.name,
        side.structure.kind,
    );
    tracing::debug!("{sql}");
    let messages = side.session.simple_query(&sql).await.map_err(|error| {
        Error::from(error).context(format!(
            "counting {} at {}",
            side.structure.name,
            side.session.target()
        ))
    })?;
    let row = messages.iter().find_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let Some(row) = row else {
        return Err(Error::new(ErrorKind::Config, "compare_sql returned no row").with_detail(sql));
    };
    question.format.fill(|name| {
        let at = row.columns().iter().position(|column| column.name() == name)?;
        Some(row.get(at).map(str::to_owned))
    })
}

/// The query for one table: placeholders filled; a partitioned table is read with its partitions.
fn fill(template: &str, columns: &[String], table: &QualifiedName, kind: RelationKind) -> String {
    let quoted: Vec<String> = columns.iter().map(|c| quote_ident(c)).collect();
    let name = table.quoted();
    let mut text = String::with_capacity(template.len() + name.len());
    // The placeholders are looked for in the template only, never in what was filled in.
    let mut rest = template;
    while let Some(at) = rest.find(['_', 'o', 'O']) {
        let (before, here) = rest.split_at(at);
        text.push_str(before);
        let only = kind == RelationKind::Partitioned
            && here
                .get(..4)
                .is_some_and(|word| word.eq_ignore_ascii_case("only"))
            && here[4..].trim_start().starts_with("_TABLE_");
        if only {
            rest = here[4..].trim_start();
        } else if let Some(after) = here.strip_prefix("_COLS_") {
            text.push_str(&format!("({})", quoted.join(",")));
            rest = after;
        } else if let Some(after) = here.strip_prefix("_TABLE_") {
            text.push_str(&name);
            rest = after;
        } else {
            text.push_str(&here[..1]);
            rest = &here[1..];
        }
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_once() {
        let columns = vec!["a_TABLE_".to_owned(), "Größe".to_owned()];
        let table = QualifiedName::new("public", "_COLS_");
        let text = "select 1 from only _TABLE_ where f(_COLS_::text) _x_";
        assert_eq!(
            fill(text, &columns, &table, RelationKind::Table),
            "select 1 from only public.\"_COLS_\" where f((\"a_TABLE_\",\"Größe\")::text) _x_"
        );
        assert_eq!(
            fill(
                "select 1 FROM ONLY _TABLE_",
                &columns,
                &table,
                RelationKind::Partitioned
            ),
            "select 1 FROM public.\"_COLS_\""
        );
    }
}
