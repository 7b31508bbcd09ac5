//! Where a copy reads: the worker's provider, a named member, or the nearest node above that has the table.

use crate::config::londiste::LondisteConfig;
use crate::error::{Error, ErrorKind, Result};
use crate::pg::{AppName, ConnInfo, Session};
use crate::sql;

/// A node that gives the rows.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its name.
    pub node: String,
    /// How to connect.
    pub info: ConnInfo,
}

/// A table as the source has it.
#[derive(Debug, Clone)]
pub struct SourceTable {
    /// Name of the table whose rows are read.
    pub dest: String,
}

/// Connection string of another node, with `remote_extra_connstr` applied.
pub fn remote_info(config: &LondisteConfig, location: &str) -> Result<ConnInfo> {
    let info = ConnInfo::parse(location)?;
    if config.remote_extra_connstr.trim().is_empty() {
        Ok(info)
    } else {
        info.appended(&config.remote_extra_connstr)
    }
}

/// Finds the source of `table` as its attribute `copy_node` says (londiste.md 4.1, 8.1).
pub async fn find_source(
    config: &LondisteConfig,
    local: &Session,
    app: &AppName,
    provider: (&str, &str),
    copy_node: Option<&str>,
    table: &str,
) -> Result<Source> {
    let queue = &config.queue_name;
    match copy_node {
        None => Ok(Source {
            node: provider.0.to_owned(),
            info: remote_info(config, provider.1)?,
        }),
        Some("?") => {
            let (mut node, mut location) = (provider.0.to_owned(), provider.1.to_owned());
            loop {
                tracing::info!("{table}: checking if {node} can be used for copy");
                let info = remote_info(config, &location)?;
                let session = Session::connect(&info, app).await?;
                if load_source_table(&session, queue, table).await?.is_some() {
                    tracing::info!("{table}: node {node} seems good source, using it");
                    return Ok(Source { node, info });
                }
                let above = session
                    .query_one(
                        "select node_type, provider_node, provider_location from pgq_node.get_node_info($1)",
                        &[queue],
                    )
                    .await?;
                if above.get::<_, Option<String>>(0).as_deref() == Some("root") {
                    return Err(
                        Error::not_found(format!("no node above has the table \"{table}\" ok"))
                            .with_hint("add the table on the root first"),
                    );
                }
                node = above.get(1);
                location = above.get(2);
            }
        }
        Some(name) => {
            let row = local
                .query_opt(
                    "select node_location from pgq_node.get_queue_locations($1) where node_name = $2",
                    &[queue, &name],
                )
                .await?;
            let Some(row) = row else {
                return Err(Error::not_found(format!(
                    "table \"{table}\" should be copied from node \"{name}\", which is no member of the set"
                )));
            };
            Ok(Source {
                node: name.to_owned(),
                info: remote_info(config, row.get(0))?,
            })
        }
    }
}

/// The table on the source; `None` while it is not attached or not `ok` there.
pub async fn load_source_table(
    source: &tokio_postgres::Client,
    queue: &str,
    table: &str,
) -> Result<Option<SourceTable>> {
    let row = source
        .query_opt(sql::copy::LOAD_SOURCE_TABLE, &[&queue, &table])
        .await?;
    Ok(row
        .filter(|row| {
            let is_ok = row.get::<_, Option<&str>>("merge_state") == Some("ok");
            row.get("local") && is_ok && !row.get::<_, bool>("is_merging")
        })
        .map(|row| SourceTable {
            dest: row.get("dest_table"),
        }))
}

/// Asks for a tick so that the hand-over need not wait for one: on the source if it is a root, else on the root above.
/// Failing to do so only costs time.
pub async fn ask_for_tick(config: &LondisteConfig, source: &Session, app: &AppName) {
    if let Err(error) = try_ask_for_tick(config, source, app).await {
        tracing::debug!("no tick could be asked for: {}", error.line());
    }
}

async fn try_ask_for_tick(config: &LondisteConfig, source: &Session, app: &AppName) -> Result<()> {
    let queue = &config.queue_name;
    let above = "select node_type, provider_location from pgq_node.get_node_info($1)";
    let mut row = source.query_one(above, &[queue]).await?;
    if row.get::<_, Option<&str>>(0) == Some("root") {
        return crate::pgq::force_tick(source, queue).await;
    }
    // A chain is as long as the set has nodes; the limit only guards against a loop in broken data.
    for _ in 0..100 {
        let session = Session::connect(&remote_info(config, row.get(1))?, app).await?;
        row = session.query_one(above, &[queue]).await?;
        if row.get::<_, Option<&str>>(0) == Some("root") {
            return crate::pgq::force_tick(&session, queue).await;
        }
    }
    Err(Error::new(ErrorKind::Refused, "the nodes above form a loop"))
}
