//! The local table that a row change goes to.

use std::collections::HashMap;

use tokio_postgres::Client;

use crate::error::{Error, Result};
use crate::pg::quote_qualified;
use crate::sql;

/// What replay knows about a local table; loaded once and forgotten after an error or a schema change.
#[derive(Debug)]
pub struct Target {
    /// Local name as people write it, `schema.table`.
    pub name: String,
    /// Quoted name.
    pub quoted: String,
    /// `only `, or nothing where the table is partitioned and has no rows of its own.
    pub only: &'static str,
    /// Live columns by name.
    pub columns: HashMap<String, TargetColumn>,
}

/// A column as replay sees it.
#[derive(Debug, Clone)]
pub struct TargetColumn {
    /// Computed by the server: must not be written.
    pub generated: bool,
    /// `generated always as identity`: needs OVERRIDING in an insert and cannot be updated.
    pub identity_always: bool,
    /// Its type for a cast, without length or precision.
    pub type_name: String,
    /// The type is a composite one: the server takes a bare parameter beside it for a record of unknown columns.
    pub composite: bool,
}

impl Target {
    /// Reads the table from the catalogue; `dest` is `schema.table`, split at the first dot.
    ///
    /// # Errors
    /// When there is no such table.
    pub async fn load(client: &Client, dest: &str) -> Result<Self> {
        let (schema, table) = dest.split_once('.').unwrap_or(("public", dest));
        let rows = client.query(sql::apply::LOAD_TARGET, &[&schema, &table]).await?;
        let Some(first) = rows.first() else {
            return Err(
                Error::not_found(format!("table \"{dest}\" does not exist on this node"))
                    .with_hint("create it, or detach it with londiste remove-table"),
            );
        };
        let only = if first.get::<_, String>("relkind") == "p" {
            ""
        } else {
            "only "
        };
        let columns = rows
            .iter()
            .map(|row| {
                let column = TargetColumn {
                    generated: row.get("generated"),
                    identity_always: row.get("identity_always"),
                    type_name: row.get("type_name"),
                    composite: row.get("composite"),
                };
                (row.get("attname"), column)
            })
            .collect();
        Ok(Self {
            name: dest.to_owned(),
            quoted: quote_qualified(schema, table),
            only,
            columns,
        })
    }

    /// Whether an insert has to say that it overrides an identity column.
    pub fn has_identity_always(&self) -> bool {
        self.columns.values().any(|column| column.identity_always)
    }
}
