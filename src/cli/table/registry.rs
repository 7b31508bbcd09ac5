//! What a node knows about the tables and sequences of its queue, and bringing that up to what its provider knows.

use tokio_postgres::GenericClient;
use tracing::{info, warn};

use crate::config::londiste::LondisteConfig;
use crate::error::Result;
use crate::node::call;
use crate::pg::{QualifiedName, Session};
use crate::sql;
use crate::table::TableAttrs;

/// One table of the queue on one node.
#[derive(Debug, Clone)]
pub struct Registered {
    /// Global name.
    pub name: String,
    /// Whether it is attached here.
    pub local: bool,
    /// State as stored; nothing while there is no data.
    pub state: Option<String>,
    /// Attributes as stored.
    pub attrs: Option<String>,
    /// Name in the database.
    pub dest: String,
}

impl Registered {
    /// Whether rows are there and kept up to date.
    pub fn is_ok(&self) -> bool {
        matches!(self.state.as_deref(), Some("ok" | "?"))
    }

    /// Name in the database.
    pub fn dest_name(&self) -> QualifiedName {
        QualifiedName::parse(&self.dest)
    }

    /// Attributes.
    pub fn attrs(&self) -> Result<TableAttrs> {
        TableAttrs::parse(self.attrs.as_deref())
    }
}

/// One sequence of the queue on one node.
#[derive(Debug, Clone)]
pub struct RegisteredSeq {
    /// Its name.
    pub name: String,
    /// Whether it is attached here.
    pub local: bool,
    /// Value last published.
    pub last_value: i64,
}

/// Loads the tables of the queue, in their order.
pub async fn load_tables(client: &impl GenericClient, queue: &str) -> Result<Vec<Registered>> {
    let rows = client.query(sql::table::LIST_TABLES, &[&queue]).await?;
    rows.iter()
        .map(|row| {
            Ok(Registered {
                name: row.try_get("table_name")?,
                local: row.try_get("local")?,
                state: row.try_get("merge_state")?,
                attrs: row.try_get("table_attrs")?,
                dest: row.try_get("dest_table")?,
            })
        })
        .collect()
}

/// Loads the sequences of the queue, in their order.
pub async fn load_sequences(client: &impl GenericClient, queue: &str) -> Result<Vec<RegisteredSeq>> {
    let rows = client.query(sql::table::LIST_SEQUENCES, &[&queue]).await?;
    rows.iter()
        .map(|row| {
            Ok(RegisteredSeq {
                name: row.try_get("seq_name")?,
                local: row.try_get("local")?,
                last_value: row.try_get("last_value")?,
            })
        })
        .collect()
}

/// Loads what could be added here: names of kind `r` (tables) or `S` (sequences).
pub async fn load_missing(client: &impl GenericClient, queue: &str) -> Result<Vec<(String, String)>> {
    let rows = client.query(sql::table::LIST_MISSING, &[&queue]).await?;
    rows.iter()
        .map(|row| Ok((row.try_get("obj_kind")?, row.try_get("obj_name")?)))
        .collect()
}

/// Whether the job file lets this node know about the table.
pub fn wants_table(config: &LondisteConfig, name: &str) -> bool {
    passes(&config.register_only_tables, &config.register_skip_tables, name)
}

/// Whether the job file lets this node know about the sequence.
pub fn wants_sequence(config: &LondisteConfig, name: &str) -> bool {
    passes(&config.register_only_seqs, &config.register_skip_seqs, name)
}

fn passes(only: &[String], skip: &[String], name: &str) -> bool {
    (only.is_empty() || only.iter().any(|n| n == name)) && !skip.iter().any(|n| n == name)
}

/// Makes the tables known here that the provider lists, and forgets those that it does not list any more.
pub async fn sync_tables(local: &Session, provider: &[Registered], config: &LondisteConfig) -> Result<()> {
    let queue = &config.queue_name;
    let here = load_tables(&**local, queue).await?;
    for table in provider.iter().filter(|t| wants_table(config, &t.name)) {
        if !here.iter().any(|t| t.name == table.name) {
            info!("Table {} info missing from subscriber, adding", table.name);
            call(
                &**local,
                None,
                sql::cascade::GLOBAL_ADD_TABLE,
                &[queue, &table.name],
            )
            .await?;
        }
    }
    for table in here.iter().filter(|t| !provider.iter().any(|p| p.name == t.name)) {
        if table.local {
            warn!("Table {} gone but exists on subscriber, removing", table.name);
        } else {
            info!("Table {} gone but exists on subscriber, removing", table.name);
        }
        call(
            &**local,
            None,
            sql::table::GLOBAL_REMOVE_TABLE,
            &[queue, &table.name],
        )
        .await?;
    }
    Ok(())
}

/// The same for sequences; those that are known get the provider's value.
pub async fn sync_sequences(
    local: &Session,
    provider: &[RegisteredSeq],
    config: &LondisteConfig,
) -> Result<()> {
    let queue = &config.queue_name;
    let here = load_sequences(&**local, queue).await?;
    for seq in provider.iter().filter(|s| wants_sequence(config, &s.name)) {
        let known = here.iter().find(|s| s.name == seq.name);
        if known.is_none() {
            info!("Sequence {} info missing from subscriber, adding", seq.name);
        }
        if known.is_none_or(|known| known.last_value < seq.last_value) {
            let params: [&(dyn tokio_postgres::types::ToSql + Sync); 3] = [queue, &seq.name, &seq.last_value];
            call(&**local, None, sql::cascade::GLOBAL_UPDATE_SEQ, &params).await?;
        }
    }
    for seq in here.iter().filter(|s| !provider.iter().any(|p| p.name == s.name)) {
        info!("Sequence {} gone but exists on subscriber, removing", seq.name);
        call(&**local, None, sql::table::GLOBAL_REMOVE_SEQ, &[queue, &seq.name]).await?;
    }
    Ok(())
}
