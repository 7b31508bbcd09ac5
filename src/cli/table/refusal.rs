//! Why a table cannot join a queue, told before anything is changed.

use super::expand::near;
use crate::config::key::nearest;
use crate::error::{Error, Result};
use crate::pg::QualifiedName;
use crate::pg::structure::{RelationKind, TableStructure};

/// Where it was tried, for the detail line.
#[derive(Debug, Clone)]
pub struct Place {
    /// The queue.
    pub queue: String,
    /// The node.
    pub node: String,
    /// Its database.
    pub database: String,
}

impl Place {
    /// `table "x" cannot join queue "q": reason`, with the place.
    pub fn refuse(&self, table: &str, reason: &str) -> Error {
        Error::refused(self.message(table, reason)).with_detail(self.detail())
    }

    fn message(&self, table: &str, reason: &str) -> String {
        format!("table \"{table}\" cannot join queue \"{}\": {reason}", self.queue)
    }

    fn detail(&self) -> String {
        format!("node \"{}\", database \"{}\"", self.node, self.database)
    }

    /// A table that is not in the database; `known` are the names that are.
    pub fn refuse_missing(&self, table: &str, known: &[String]) -> Error {
        let error = Error::not_found(self.message(table, "it does not exist in this database"))
            .with_detail(self.detail());
        match near(table, known) {
            Some(near) => error.with_hint(format!("did you mean \"{near}\"?")),
            None => error,
        }
    }
}

/// What the options of add-table say about the trigger.
#[derive(Debug, Clone, Default)]
pub struct TriggerWish {
    /// `--trigger-flags`.
    pub flags: Option<String>,
    /// `--trigger-arg`, in order.
    pub args: Vec<String>,
    /// `--no-triggers`.
    pub none: bool,
}

/// Letters that `--trigger-flags` understands.
const FLAG_LETTERS: &str = "IUDQLJBAS";

impl TriggerWish {
    /// Whether only inserts are logged: no key is needed for them.
    pub fn is_insert_only(&self) -> bool {
        let flags = self.flags.as_deref().unwrap_or_default().to_uppercase();
        flags.contains('I') && !flags.contains(['U', 'D'])
    }

    /// The key columns named by `pkey=`.
    pub fn key_columns(&self) -> Option<Vec<&str>> {
        self.args
            .iter()
            .rev()
            .find_map(|arg| arg.strip_prefix("pkey="))
            .map(|list| list.split(',').collect())
    }

    /// Letters that mean nothing.
    pub fn unknown_letters(&self) -> String {
        let flags = self.flags.as_deref().unwrap_or_default();
        flags
            .chars()
            .filter(|c| !FLAG_LETTERS.contains(c.to_ascii_uppercase()))
            .collect()
    }
}

/// Schemas that hold replication's own state, or the server's.
const RESERVED_SCHEMAS: &[&str] = &[
    "pg_catalog",
    "information_schema",
    "pgq",
    "pgq_ext",
    "pgq_coop",
    "pgq_node",
    "londiste",
    "londiste_rs",
];

/// Refuses what can never be replicated, whatever the options say.
pub fn check_kind(table: &str, structure: &TableStructure, place: &Place) -> Result<()> {
    if RESERVED_SCHEMAS.contains(&structure.name.schema.as_str()) {
        return Err(place.refuse(
            table,
            &format!("schema \"{}\" is not for user data", structure.name.schema),
        ));
    }
    match structure.kind {
        RelationKind::Table if structure.is_temporary => {
            Err(place.refuse(table, "it is a temporary table, which only its own session can see"))
        }
        RelationKind::Table => Ok(()),
        RelationKind::Partitioned => {
            Err(place.refuse(table, "it is a partitioned table, which has no rows of its own").with_hint(
                "add its partitions, on provider and subscriber, instead; names may be patterns such as 'part_*'",
            ))
        }
        kind => Err(place
            .refuse(table, &format!("it is {}", kind.described()))
            .with_hint("only ordinary tables and partitions can be replicated: add the tables that it reads")),
    }
}

/// Refuses a table whose rows cannot be told apart, and keys that cannot be written into events.
pub fn check_key(table: &str, structure: &TableStructure, wish: &TriggerWish, place: &Place) -> Result<()> {
    if wish.none || wish.is_insert_only() {
        return Ok(());
    }
    let named = wish.key_columns();
    if let Some(unknown) = named
        .iter()
        .flatten()
        .find(|name| structure.column(name).is_none())
    {
        let error = place.refuse(
            table,
            &format!("pkey= names column \"{unknown}\", which it does not have"),
        );
        let columns = structure.columns.iter().map(|c| c.name.as_str());
        return Err(match nearest(unknown, columns) {
            Some(near) => error.with_hint(format!("did you mean \"{near}\"?")),
            None => error,
        });
    }
    if named.is_some() {
        return Ok(());
    }
    let key = structure.primary_key();
    if key.is_empty() {
        return Err(place
            .refuse(table, "it has no primary key")
            .with_hint("add a primary key on provider and subscriber, then run add-table again")
            .with_hint("or replicate its inserts only, with --trigger-flags=I on root and subscribers")
            .with_hint("or name columns that tell its rows apart: --trigger-arg=pkey=col1,col2"));
    }
    if let Some(column) = key.iter().find(|column| column.contains(',')) {
        return Err(place
            .refuse(table, &format!("key column \"{column}\" has a comma in its name"))
            .with_detail("events write the key as a list of names with commas between them")
            .with_hint("rename the column on provider and subscriber"));
    }
    Ok(())
}

/// The name as it would be read, when somebody wrote quotes as in SQL.
pub fn unquoted(name: &str) -> Option<String> {
    name.contains('"').then(|| name.replace('"', ""))
}

/// The stored form of a local name.
pub fn dest_of(table: &str, dest: Option<&str>) -> QualifiedName {
    QualifiedName::parse(dest.unwrap_or(table))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_decide_whether_a_key_is_needed() {
        let wish = |flags: &str| TriggerWish {
            flags: Some(flags.to_owned()),
            ..TriggerWish::default()
        };
        assert!(wish("I").is_insert_only());
        assert!(wish("bi").is_insert_only());
        assert!(!wish("IU").is_insert_only());
        assert!(!wish("J").is_insert_only());
        assert!(!TriggerWish::default().is_insert_only());
        assert_eq!(wish("IxU5").unknown_letters(), "x5");
        let keyed = TriggerWish {
            args: vec!["backup".into(), "pkey=a,b".into()],
            ..TriggerWish::default()
        };
        assert_eq!(keyed.key_columns(), Some(vec!["a", "b"]));
    }
}
