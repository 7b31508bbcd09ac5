//! A table as one side of a copy has it, and what both sides have in common.

use tokio_postgres::Client;

use crate::error::{Error, Result};
use crate::pg::{QualifiedName, quote_ident};
use crate::sql;

/// A table on one side.
pub struct SideTable {
    /// Its columns.
    pub columns: Vec<SideColumn>,
    /// It is partitioned.
    pub partitioned: bool,
    /// It is a plain table: one with rows, without partitions, that survives a crash of the server.
    pub plain: bool,
    /// Estimate, 0 when there is none.
    pub estimated_rows: u64,
}

/// A column on one side.
#[derive(Debug, Clone)]
pub struct SideColumn {
    /// Its name.
    pub name: String,
    /// Computed by the server.
    pub generated: bool,
    /// Its text is the name of an object (`regclass` and the like).
    pub names_objects: bool,
    /// Object id of its type.
    pub type_oid: u32,
}

impl SideTable {
    /// Reads it from the catalogue.
    pub async fn load(client: &Client, name: &QualifiedName) -> Result<Option<Self>> {
        let rows = client
            .query(sql::copy::LIST_COLUMNS, &[&name.schema, &name.name])
            .await?;
        let Some(first) = rows.first() else {
            return Ok(None);
        };
        Ok(Some(Self {
            partitioned: first.get::<_, &str>("relkind") == "p",
            plain: first.get::<_, &str>("relkind") == "r" && first.get("is_logged"),
            estimated_rows: first.get::<_, f64>("estimated_rows").max(0.0) as u64,
            columns: rows
                .iter()
                .map(|row| SideColumn {
                    name: row.get("attname"),
                    generated: row.get("generated"),
                    names_objects: row.get("names_objects"),
                    type_oid: row.get("type_oid"),
                })
                .collect(),
        }))
    }

    /// The table of the source.
    pub async fn load_source(client: &Client, name: &QualifiedName) -> Result<Self> {
        Self::load(client, name).await?.ok_or_else(|| {
            Error::not_found(format!("table \"{name}\" does not exist on the source")).with_hint(
                "create it there with its rows, or take it out of the set: londiste remove-table on the root",
            )
        })
    }

    /// The table of this node.
    pub async fn load_local(client: &Client, name: &QualifiedName) -> Result<Self> {
        Self::load(client, name).await?.ok_or_else(|| {
            Error::not_found(format!("table \"{name}\" does not exist on this node"))
                .with_hint("create it, or detach it with londiste remove-table")
        })
    }

    /// Whether rows can be read and are the table's own: what a rewrite could hide from a snapshot.
    pub fn has_rows(&self) -> bool {
        self.plain || self.partitioned
    }

    fn column(&self, name: &str) -> Option<&SideColumn> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// Columns to copy, in the order of the source: those of both sides that the local side does not compute.
pub fn common_columns(table: &str, source: &SideTable, local: &SideTable) -> Result<Vec<String>> {
    let mut common = Vec::new();
    for column in &source.columns {
        match local.column(&column.name) {
            Some(here) if here.generated => {}
            Some(_) => common.push(column.name.clone()),
            None if column.generated => {}
            None => tracing::warn!("{table}: column \"{}\" exists only on the source", column.name),
        }
    }
    for column in &local.columns {
        if !column.generated && source.column(&column.name).is_none() {
            tracing::warn!("{table}: column \"{}\" exists only on this node", column.name);
        }
    }
    if common.is_empty() {
        return Err(Error::refused(format!(
            "table \"{table}\" has no column in common with the source"
        ))
        .with_hint("compare the definitions of both tables"));
    }
    Ok(common)
}

/// How the rows travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// COPY's text.
    Text,
    /// COPY's binary form: no values are printed and parsed.
    Binary,
}

impl Format {
    /// Binary when each column has the same built-in type on both sides, one whose binary form all servers share.
    pub fn choose(source: &SideTable, local: &SideTable, columns: &[String]) -> Self {
        let same = columns.iter().all(|name| {
            let (Some(there), Some(here)) = (source.column(name), local.column(name)) else {
                return false;
            };
            there.type_oid == here.type_oid && BINARY_SAFE.contains(&there.type_oid)
        });
        if same { Self::Binary } else { Self::Text }
    }

    /// The option for COPY, as it stands behind its target.
    pub fn option(self) -> &'static str {
        match self {
            Self::Text => "(format text",
            Self::Binary => "(format binary",
        }
    }
}

/// The names quoted and joined, for a list of columns.
pub fn column_list(columns: &[String]) -> String {
    let quoted: Vec<String> = columns.iter().map(|name| quote_ident(name)).collect();
    quoted.join(", ")
}

/// Built-in types whose binary form has been the same in all servers since version 10, and does not depend on the
/// database. Not among them: types of users and extensions (their ids and forms differ), names of objects (sent as
/// ids), `money` (its fraction depends on the locale), `xml`, and everything that is newer than the oldest server.
const BINARY_SAFE: &[u32] = &[
    16, 17, 18, 19, 20, 21, 23, 25, 26, // bool bytea "char" name int8 int2 int4 text oid
    114, 3802, // json jsonb
    600, 601, 602, 603, 604, 628, 718, // point lseg path box polygon line circle
    650, 869, 829, 774, // cidr inet macaddr macaddr8
    700, 701, 1700, // float4 float8 numeric
    1042, 1043, 1560, 1562, 2950, // bpchar varchar bit varbit uuid
    1082, 1083, 1114, 1184, 1186, 1266, // date time timestamp timestamptz interval timetz
    3904, 3906, 3908, 3910, 3912, 3926, // ranges
    // Their arrays.
    1000, 1001, 1002, 1003, 1016, 1005, 1007, 1009, 1028, 199, 3807, 1017, 1018, 1019, 1020, 1027, 629, 719,
    651, 1041, 1040, 775, 1021, 1022, 1231, 1014, 1015, 1561, 1563, 2951, 1182, 1183, 1115, 1185, 1187, 1270,
    3905, 3907, 3909, 3911, 3913, 3927,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn side(columns: &[(&str, u32)]) -> SideTable {
        SideTable {
            columns: columns
                .iter()
                .map(|(name, type_oid)| SideColumn {
                    name: (*name).to_owned(),
                    generated: false,
                    names_objects: false,
                    type_oid: *type_oid,
                })
                .collect(),
            partitioned: false,
            plain: true,
            estimated_rows: 0,
        }
    }

    #[test]
    fn binary_only_where_both_sides_agree_on_built_in_types() {
        let names = |side: &SideTable| side.columns.iter().map(|c| c.name.clone()).collect::<Vec<_>>();
        let plain = side(&[("a", 23), ("b", 1043), ("c", 1009)]);
        let choose = |other: &SideTable| Format::choose(&plain, other, &names(&plain));
        assert_eq!(choose(&plain), Format::Binary);
        assert_eq!(
            choose(&side(&[("c", 1009), ("b", 1043), ("a", 23), ("d", 99999)])),
            Format::Binary
        );
        assert_eq!(
            choose(&side(&[("a", 20), ("b", 1043), ("c", 1009)])),
            Format::Text
        );
        for other in [2205, 790, 142, 16400] {
            let odd = side(&[("a", other)]);
            assert_eq!(
                Format::choose(&odd, &odd, &names(&odd)),
                Format::Text,
                "type {other}"
            );
        }
    }

    #[test]
    fn common_columns_leave_out_what_is_computed_here() {
        let source = side(&[("a", 23), ("gone", 23), ("b", 23)]);
        let mut local = side(&[("b", 23), ("a", 23), ("new", 23)]);
        assert_eq!(common_columns("t", &source, &local).unwrap(), ["a", "b"]);
        local.columns[0].generated = true;
        assert_eq!(common_columns("t", &source, &local).unwrap(), ["a"]);
        assert!(common_columns("t", &side(&[("x", 23)]), &local).is_err());
    }
}
