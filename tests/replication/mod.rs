//! Whole cascades with real programs: tables join, change and leave while others replay; rows arrive as they left,
//! whatever their types, names and the settings around them.
//!
//! The two sides are compared as `COPY ... TO STDOUT` prints them in psql, with the same settings on both.

mod copy;
mod encodings;
mod histories;
mod identity;
mod keys;
mod load;
mod merge;
mod names;
mod owner;
mod parked;
mod position;
mod readd;
mod shapes;
mod ticks;
mod tree;
mod types;
mod watermark;

use std::sync::Arc;

use crate::support::cascade::{Cascade, Node};
use crate::support::{Cluster, cascade::Server};

/// What the text of values depends on, set to the same on both sides before they are compared.
const PLAIN: &str = "set datestyle = 'ISO, YMD'; set intervalstyle = 'postgres'; set extra_float_digits = 3; \
     set bytea_output = 'hex'; set timezone = 'UTC'; set lc_monetary = 'C'; set search_path = ''; \
     set standard_conforming_strings = on; set quote_all_identifiers = off;";

/// Root and leaf of a queue on two databases, with workers that run.
fn pair(queue: &str) -> Cascade {
    let mut cascade = Cascade::new(queue);
    cascade.create_root("root");
    cascade.create_leaf("leaf", "root");
    cascade.start_workers();
    cascade
}

/// A server of a test's own whose new databases have `encoding`.
fn server_with_encoding(encoding: &str) -> Server {
    let cluster = Arc::new(Cluster::start());
    cluster.psql(
        "postgres",
        "update pg_database set datistemplate = false where datname = 'template1'",
    );
    cluster.psql("postgres", "drop database template1");
    cluster.psql(
        "postgres",
        &format!(
            "create database template1 template template0 encoding '{encoding}' locale 'C' is_template true"
        ),
    );
    Server::from(&cluster)
}

/// The result of `query` as COPY prints it.
#[track_caller]
fn printed(node: &Node, query: &str) -> String {
    node.psql(&format!("{PLAIN} copy ({query}) to stdout"))
}

/// Fails unless `query` gives the same on all nodes, column by column, and at least one row.
#[track_caller]
fn assert_same(cascade: &Cascade, query: &str) {
    assert_same_queries(cascade, query, query);
}

/// The same, where the nodes below the root need another query.
#[track_caller]
fn assert_same_queries(cascade: &Cascade, on_root: &str, below: &str) {
    let (root, others) = cascade.nodes().split_first().expect("a root");
    let expected = printed(root, on_root);
    assert_ne!(expected, "", "the root has no rows for: {on_root}");
    let heading = root.psql(&format!(
        "{PLAIN} copy ({on_root} limit 0) to stdout with (format csv, header)"
    ));
    let heading: Vec<&str> = heading.split(',').collect();
    for node in others {
        let found = printed(node, below);
        if found == expected {
            continue;
        }
        let (lines, there): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), found.lines().collect());
        let mut differences = Vec::new();
        for (line, other) in lines.iter().zip(&there) {
            let cells = line.split('\t').zip(other.split('\t')).enumerate();
            for (position, (cell, other)) in cells.filter(|(_, (cell, other))| cell != other) {
                let column = heading.get(position).unwrap_or(&"?");
                let row = line.split('\t').next().unwrap_or_default();
                differences.push(format!(
                    "row {row} column {column}: {} became {}",
                    short(cell),
                    short(other)
                ));
            }
        }
        panic!(
            "{} rows on {}, {} on {}\n{}",
            lines.len(),
            root.name,
            there.len(),
            node.name,
            differences.join("\n")
        );
    }
}

fn short(cell: &str) -> String {
    cell.chars().take(100).collect()
}
