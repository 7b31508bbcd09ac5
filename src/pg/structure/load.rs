//! Reads a table's structure. One query per part; the session's search path is set aside meanwhile and put back.

use std::time::Duration;

use tokio_postgres::{GenericClient, Row};

use super::{
    Column, Constraint, ConstraintKind, Generated, Grant, Identity, Index, OwnedSequence, RelationKind, Rule,
    TableStructure, Trigger,
};
use crate::error::{Error, Result};
use crate::pg::QualifiedName;
use crate::sql;

/// Pause before a catalogue that changed under the reader is read again.
const CATALOGUE_PAUSE: Duration = Duration::from_millis(50);

/// Reads the structure of `table`; nothing when no table, view or foreign table has this name.
///
/// The server takes a short ACCESS SHARE lock on the table for some definitions, so this waits while somebody holds
/// ACCESS EXCLUSIVE: set the session's `lock_timeout` where that must not last. Inside a transaction all parts come from its snapshot only
/// with REPEATABLE READ; hold a lock on the table where it could change meanwhile.
pub async fn load_structure<C>(client: &C, table: &QualifiedName) -> Result<Option<TableStructure>>
where
    C: GenericClient + Sync,
{
    let old: String = client
        .query_one(sql::pg::PIN_SEARCH_PATH, &[&"pg_catalog"])
        .await?
        .try_get(0)?;
    let mut loaded = load_parts(client, table).await;
    // An index that is dropped between the scan of the catalogue and the text of its definition is an internal error of
    // the server; a moment later the catalogue is whole again.
    for _ in 0..5 {
        match &loaded {
            Err(error) if error.sqlstate() == Some("XX000") => {
                tokio::time::sleep(CATALOGUE_PAUSE).await;
                match load_parts(client, table).await {
                    // In a transaction the first error stays the one to tell.
                    Err(again) if again.sqlstate() == Some("25P02") => break,
                    again => loaded = again,
                }
            }
            _ => break,
        }
    }
    // Inside a transaction that just failed the path comes back with the rollback; the first error is the one to tell.
    let restored = client.query_one(sql::pg::PIN_SEARCH_PATH, &[&old]).await;
    let structure = loaded.map_err(|e| e.context(format!("reading the structure of table \"{table}\"")))?;
    restored?;
    Ok(structure)
}

async fn load_parts<C>(client: &C, table: &QualifiedName) -> Result<Option<TableStructure>>
where
    C: GenericClient + Sync,
{
    let Some(row) = client
        .query_opt(sql::pg::LOAD_RELATION, &[&table.schema, &table.name])
        .await?
    else {
        return Ok(None);
    };
    let oid: u32 = row.try_get("oid")?;
    let persistence = letter(&row, "persistence")?;
    let columns = client.query(sql::pg::LOAD_COLUMNS, &[&oid]).await?;
    let constraints = client.query(sql::pg::LOAD_CONSTRAINTS, &[&oid]).await?;
    let indexes = client.query(sql::pg::LOAD_INDEXES, &[&oid]).await?;
    let triggers = client.query(sql::pg::LOAD_TRIGGERS, &[&oid]).await?;
    let rules = client.query(sql::pg::LOAD_RULES, &[&oid]).await?;
    let sequences = client.query(sql::pg::LOAD_OWNED_SEQUENCES, &[&oid]).await?;
    let grants = client.query(sql::pg::LOAD_GRANTS, &[&oid]).await?;
    let parents = client.query(sql::pg::LOAD_PARENTS, &[&oid]).await?;
    Ok(Some(TableStructure {
        oid,
        name: table.clone(),
        server_quoted: row.try_get("quoted_name")?,
        kind: relation_kind(letter(&row, "kind")?)?,
        is_temporary: persistence == 't',
        is_unlogged: persistence == 'u',
        owner: row.try_get("owner")?,
        comment: row.try_get("comment")?,
        options: row.try_get("options")?,
        tablespace: row.try_get("tablespace")?,
        is_partition: row.try_get("is_partition")?,
        parents: parents.iter().map(qualified_name).collect::<Result<_>>()?,
        has_children: row.try_get("has_children")?,
        row_security: row.try_get("row_security")?,
        replica_identity: letter(&row, "replica_identity")?,
        columns: columns.iter().map(column).collect::<Result<_>>()?,
        constraints: constraints.iter().map(constraint).collect::<Result<_>>()?,
        indexes: indexes.iter().map(index).collect::<Result<_>>()?,
        triggers: triggers.iter().map(trigger).collect::<Result<_>>()?,
        rules: rules.iter().map(rule).collect::<Result<_>>()?,
        sequences: sequences.iter().map(sequence).collect::<Result<_>>()?,
        grants: grants.iter().map(grant).collect::<Result<_>>()?,
    }))
}

fn letter(row: &Row, name: &str) -> Result<char> {
    let text: &str = row.try_get(name)?;
    text.chars()
        .next()
        .ok_or_else(|| Error::internal(format!("the catalogue has an empty \"{name}\"")))
}

fn unknown(what: &str, letter: char) -> Error {
    Error::internal(format!("the catalogue has an unknown {what}: {letter:?}"))
}

fn qualified_name(row: &Row) -> Result<QualifiedName> {
    Ok(QualifiedName {
        schema: row.try_get("schema")?,
        name: row.try_get("name")?,
    })
}

fn relation_kind(letter: char) -> Result<RelationKind> {
    Ok(match letter {
        'r' => RelationKind::Table,
        'p' => RelationKind::Partitioned,
        'v' => RelationKind::View,
        'm' => RelationKind::MaterializedView,
        'f' => RelationKind::Foreign,
        _ => return Err(unknown("kind of relation", letter)),
    })
}

fn column(row: &Row) -> Result<Column> {
    let generated: &str = row.try_get("generated")?;
    let identity: &str = row.try_get("identity")?;
    Ok(Column {
        name: row.try_get("name")?,
        number: row.try_get("number")?,
        type_name: row.try_get("type_name")?,
        type_oid: row.try_get("type_oid")?,
        not_null: row.try_get("not_null")?,
        default: row.try_get("default_sql")?,
        default_needs_objects: row.try_get("default_needs_objects")?,
        generated: match generated {
            "" => None,
            "s" => Some(Generated::Stored),
            "v" => Some(Generated::Virtual),
            _ => {
                return Err(Error::internal(format!(
                    "the catalogue has an unknown attgenerated {generated:?}"
                )));
            }
        },
        identity: match identity {
            "" => None,
            "a" => Some(Identity::Always),
            "d" => Some(Identity::ByDefault),
            _ => {
                return Err(Error::internal(format!(
                    "the catalogue has an unknown attidentity {identity:?}"
                )));
            }
        },
        collation: row.try_get("collation")?,
        storage: row.try_get("storage")?,
        compression: row.try_get("compression")?,
        statistics: row.try_get("statistics")?,
        options: row.try_get("options")?,
        comment: row.try_get("comment")?,
    })
}

fn constraint(row: &Row) -> Result<Constraint> {
    let kind = match letter(row, "kind")? {
        'p' => ConstraintKind::Primary,
        'u' => ConstraintKind::Unique,
        'x' => ConstraintKind::Exclusion,
        'c' => ConstraintKind::Check,
        'f' => ConstraintKind::Foreign,
        other => return Err(unknown("kind of constraint", other)),
    };
    let index: u32 = row.try_get("index")?;
    Ok(Constraint {
        name: row.try_get("name")?,
        kind,
        definition: row.try_get("definition")?,
        columns: row.try_get("columns")?,
        index: (index != 0).then_some(index),
        validated: row.try_get("validated")?,
        is_inherited: row.try_get("is_inherited")?,
        foreign_table: row.try_get("foreign_table")?,
        comment: row.try_get("comment")?,
        is_pinned: row.try_get("is_pinned")?,
    })
}

fn index(row: &Row) -> Result<Index> {
    let statistics: Vec<String> = row.try_get("statistics")?;
    let statistics = statistics
        .iter()
        .filter_map(|text| text.split_once(':'))
        .filter_map(|(number, target)| Some((number.parse().ok()?, target.parse().ok()?)))
        .collect();
    Ok(Index {
        oid: row.try_get("oid")?,
        name: row.try_get("name")?,
        is_unique: row.try_get("is_unique")?,
        is_primary: row.try_get("is_primary")?,
        is_valid: row.try_get("is_valid")?,
        is_partitioned_part: row.try_get("is_partitioned_part")?,
        is_clustered: row.try_get("is_clustered")?,
        is_replica_identity: row.try_get("is_replica_identity")?,
        options: row.try_get("options")?,
        tablespace: row.try_get("tablespace")?,
        method: row.try_get("method")?,
        definition: row.try_get("definition")?,
        tail: row.try_get("tail")?,
        comment: row.try_get("comment")?,
        statistics,
    })
}

fn trigger(row: &Row) -> Result<Trigger> {
    Ok(Trigger {
        name: row.try_get("name")?,
        definition: row.try_get("definition")?,
        enabled: letter(row, "enabled")?,
        function_schema: row.try_get("function_schema")?,
        function_name: row.try_get("function_name")?,
        first_argument: row.try_get("first_argument")?,
        is_row: row.try_get("is_row")?,
        is_before: row.try_get("is_before")?,
        on_insert: row.try_get("on_insert")?,
        on_update: row.try_get("on_update")?,
        on_delete: row.try_get("on_delete")?,
        on_truncate: row.try_get("on_truncate")?,
        comment: row.try_get("comment")?,
    })
}

fn rule(row: &Row) -> Result<Rule> {
    Ok(Rule {
        name: row.try_get("name")?,
        definition: row.try_get("definition")?,
        enabled: letter(row, "enabled")?,
        comment: row.try_get("comment")?,
    })
}

fn sequence(row: &Row) -> Result<OwnedSequence> {
    Ok(OwnedSequence {
        name: qualified_name(row)?,
        column: row.try_get("column_name")?,
        is_identity: row.try_get("is_identity")?,
        type_name: row.try_get("type_name")?,
        start: row.try_get("start")?,
        increment: row.try_get("increment")?,
        minimum: row.try_get("minimum")?,
        maximum: row.try_get("maximum")?,
        cache: row.try_get("cache")?,
        is_cycle: row.try_get("is_cycle")?,
    })
}

fn grant(row: &Row) -> Result<Grant> {
    Ok(Grant {
        grantee: row.try_get("grantee")?,
        privilege: row.try_get("privilege")?,
        is_grantable: row.try_get("is_grantable")?,
        column: row.try_get("column_name")?,
    })
}
