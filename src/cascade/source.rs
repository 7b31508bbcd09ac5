//! The search for a node that has the rows: from the provider up to the root (londiste.md 4.1).

use tracing::info;

use super::route::{Reached, reach};
use crate::error::{Error, Result};
use crate::node::Dialer;
use crate::sql;

/// Walks upwards from the node at `location` to the first one where all of `tables` are attached.
pub async fn find_source(dialer: &Dialer, queue: &str, location: &str, tables: &[String]) -> Result<Reached> {
    let mut location = location.to_owned();
    let mut seen: Vec<String> = Vec::new();
    loop {
        let node = reach(dialer, queue, &location).await?;
        let name = node.info.node_name.clone();
        info!("Checking if {name} can be used for copy");
        let rows = node.session.query(sql::table::LIST_TABLES, &[&queue]).await?;
        let lacks: Vec<&str> = tables
            .iter()
            .filter(|table| {
                !rows.iter().any(|row| {
                    row.get::<_, bool>("local") && row.get::<_, &str>("table_name") == table.as_str()
                })
            })
            .map(String::as_str)
            .collect();
        if lacks.is_empty() {
            info!("Node {name} seems good source, using it");
            return Ok(node);
        }
        info!("Node {name} does not have all tables");
        let lacking = lacks.join(", ");
        let is_root = node.info.is_root();
        let again = seen.contains(&name);
        seen.push(name);
        let next = node.info.provider_location.filter(|_| !is_root && !again);
        match next {
            Some(next) => location = next,
            None => {
                return Err(Error::refused(format!(
                    "no node up to the root has all of the tables: {lacking}"
                ))
                .with_detail(format!("asked: {}", seen.join(", ")))
                .with_hint("add the tables on the root first"));
            }
        }
    }
}
