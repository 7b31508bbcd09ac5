//! Every query that the programs run is understood by every server, and has the parameters that its header tells.

use std::collections::BTreeMap;

use londiste::pg::{AppName, ConnInfo, Session};
use londiste::sql;

use super::{installed, newest, oldest, on_each_version};
use crate::support::{Cluster, cluster};

on_each_version! {
    every_query_prepares,
}

fn every_query_prepares(server: &'static Cluster) {
    let db = installed(server, "prepare");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let info = ConnInfo::parse(&db.connstr()).unwrap();
        let session = Session::connect(&info, &AppName::new("test", "node", "queue"))
            .await
            .unwrap();
        let mut failed = Vec::new();
        for (path, text) in sql::all() {
            match session.prepare(text).await {
                Ok(statement) => {
                    let found: Vec<&str> = statement.params().iter().map(|kind| kind.name()).collect();
                    let told = header_types(text);
                    if found != told {
                        failed.push(format!("{path}: header {told:?}, server {found:?}"));
                    }
                }
                Err(error) => failed.push(format!("{path}: {error:?}")),
            }
        }
        assert!(failed.is_empty(), "{}", failed.join("\n"));
    });
}

/// Types of the parameters as the header has them (`-- $1 int4[]  ids`), by the names of the catalogue.
fn header_types(text: &str) -> Vec<String> {
    let header = text.lines().take_while(|line| line.starts_with("--"));
    let types: BTreeMap<u32, String> = header
        .filter_map(|line| {
            let mut words = line.strip_prefix("-- $")?.split_whitespace();
            let number = words.next()?.parse().ok()?;
            let name = words.next()?.trim_end_matches([',', ';', ':']);
            Some((
                number,
                name.strip_suffix("[]")
                    .map_or_else(|| name.to_owned(), |n| format!("_{n}")),
            ))
        })
        .collect();
    types.into_values().collect()
}
