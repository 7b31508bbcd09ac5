//! The local table that a row change goes to.

use std::collections::HashMap;

use tokio_postgres::{Client, Statement};

use super::key::KeyKind;
use crate::error::{Error, Result};
use crate::pg::quote_qualified;

/// What replay knows about a local table; loaded once and forgotten after an error or a schema change.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// Local name as people write it, `schema.table`.
    pub name: String,
    /// Quoted name.
    pub quoted: String,
    /// `only `, or nothing where the table is partitioned and has no rows of its own.
    pub only: &'static str,
    /// Live columns by name.
    pub columns: HashMap<String, TargetColumn>,
    /// Triggers or rules act on the changes: the order of changes matters, between tables too.
    pub fires: bool,
    /// The table, and the partitioned tables that it is a part of, by their oids.
    pub lineage: Vec<u32>,
    /// All rows are stored here, in a table.
    pub stored: bool,
    /// Sets of columns that no two rows share.
    pub unique_keys: Vec<Vec<String>>,
}

/// A column as replay sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TargetColumn {
    /// Computed by the server: must not be written.
    pub generated: bool,
    /// `generated always as identity`: needs OVERRIDING in an insert and cannot be updated.
    pub identity_always: bool,
    /// Its type for a cast, without length or precision.
    pub type_name: String,
    /// The type is a composite one: the server takes a bare parameter beside it for a record of unknown columns.
    pub composite: bool,
    /// How its values are compared, where that is known here.
    pub key: Option<KeyKind>,
    /// A text is cast to its type by a function, which may read it otherwise than the type's input does (`regclass`).
    pub own_cast: bool,
    /// A row that brings no value gets the next one of a sequence.
    pub counts: bool,
}

impl Target {
    /// Reads the table from the catalogue by `load`, which is [`crate::sql::apply::LOAD_TARGET`] prepared on this connection (planning
    /// it takes longer than running it); `dest` is `schema.table`, split at the first dot.
    ///
    /// # Errors
    /// When there is no such table.
    pub async fn load(client: &Client, load: &Statement, dest: &str) -> Result<Self> {
        let (schema, table) = dest.split_once('.').unwrap_or(("public", dest));
        let rows = client.query(load, &[&schema, &table]).await?;
        let Some(first) = rows.first() else {
            return Err(
                Error::not_found(format!("table \"{dest}\" does not exist on this node"))
                    .with_hint("create it, or detach it with londiste remove-table"),
            );
        };
        let kind: String = first.get("relkind");
        let columns = rows
            .iter()
            .map(|row| {
                let (modifier, is_enum, deterministic) =
                    (row.get("modifier"), row.get("is_enum"), row.get("deterministic"));
                let column = TargetColumn {
                    generated: row.get("generated"),
                    identity_always: row.get("identity_always"),
                    type_name: row.get("type_name"),
                    composite: row.get("composite"),
                    key: KeyKind::of(row.get("type_oid"), modifier, is_enum, deterministic),
                    own_cast: row.get("own_cast"),
                    counts: row.get("counts"),
                };
                (row.get("attname"), column)
            })
            .collect();
        let unique_keys = first
            .get::<_, Vec<String>>("unique_keys")
            .iter()
            .map(|names| serde_json::from_str(names))
            .collect::<Result<_, _>>()
            .map_err(|error| {
                Error::internal(format!("the keys of table \"{dest}\" cannot be read: {error}"))
            })?;
        Ok(Self {
            name: dest.to_owned(),
            quoted: quote_qualified(schema, table),
            only: if kind == "p" { "" } else { "only " },
            columns,
            // The rows of a view are those of other tables, and those of a foreign table may be.
            fires: first.get("fires") || matches!(kind.as_str(), "v" | "f"),
            lineage: first.get("lineage"),
            stored: matches!(kind.as_str(), "r" | "p") && !first.get::<_, bool>("foreign_rows"),
            unique_keys,
        })
    }

    /// Whether an insert has to say that it overrides an identity column.
    pub fn has_identity_always(&self) -> bool {
        self.columns.values().any(|column| column.identity_always)
    }

    /// Whether rows that agree in these columns are one row.
    pub fn is_unique(&self, columns: &[&str]) -> bool {
        self.unique_keys
            .iter()
            .any(|key| key.iter().all(|name| columns.contains(&name.as_str())))
    }
}
