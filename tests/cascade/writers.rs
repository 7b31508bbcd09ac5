//! Applications that write to whichever node is the root, in READ COMMITTED and REPEATABLE READ, and remember what was
//! acknowledged.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio_postgres::{Client, NoTls};

use crate::support::cascade::{Cascade, LIMIT};
use crate::support::wait::wait_for;

/// The table that they write into; `make` creates it on all nodes and attaches it with its sequence.
pub const TABLE: &str = "note";

/// Makes the table on every node and waits until it is in sync.
pub fn make(cascade: &mut Cascade) {
    cascade.psql_all(&format!(
        "create table {TABLE} (id serial primary key, w int, n int)"
    ));
    cascade.start_workers();
    cascade.add_table(TABLE);
    for node in cascade.nodes() {
        node.londiste(&["add-seq", "note_id_seq"]);
    }
    cascade.wait_in_sync();
}

/// An acknowledged row: id, writer, number.
type Row = (i32, i32, i32);

/// Running writers.
pub struct Writers {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Vec<Row>>>,
}

impl Writers {
    /// Starts `count` of them, which know nodes a and b; every other one uses REPEATABLE READ, with snapshots of up to
    /// 40 ms; each pauses between its rows, for the machine may be busy with other things.
    pub fn start(cascade: &Cascade, count: i32, pause: Duration) -> Writers {
        let stop = Arc::new(AtomicBool::new(false));
        // The others never become roots.
        let connstrs: Vec<String> = cascade
            .nodes()
            .iter()
            .filter(|node| {
                node.psql("select count(*) from pgq_node.node_info where node_type = 'leaf'") == "0"
            })
            .map(|node| node.connstr())
            .collect();
        let threads = (0..count)
            .map(|writer| {
                let (stop, connstrs) = (stop.clone(), connstrs.clone());
                thread::spawn(move || {
                    tokio::runtime::Builder::new_current_thread()
                        .enable_all()
                        .build()
                        .expect("a runtime")
                        .block_on(write(writer, &connstrs, pause, &stop))
                })
            })
            .collect();
        Writers { stop, threads }
    }

    /// Stops them and returns what was acknowledged.
    pub fn end(mut self) -> Vec<Row> {
        self.stop.store(true, Ordering::Relaxed);
        let threads = std::mem::take(&mut self.threads);
        threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("a writer"))
            .collect()
    }
}

impl Drop for Writers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

async fn write(writer: i32, connstrs: &[String], pause: Duration, stop: &AtomicBool) -> Vec<Row> {
    let mut clients: Vec<Option<Client>> = connstrs.iter().map(|_| None).collect();
    let (mut at, mut number) = (0, 0);
    let mut acknowledged = Vec::new();
    // Whether the node was the root before this attempt, asked after one that met an id that was taken.
    let mut was_root = false;
    while !stop.load(Ordering::Relaxed) {
        if clients[at].as_ref().is_none_or(Client::is_closed) {
            match tokio_postgres::connect(&connstrs[at], NoTls).await {
                Ok((client, connection)) => {
                    tokio::spawn(connection);
                    clients[at] = Some(client);
                }
                Err(_) => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    at = (at + 1) % connstrs.len();
                    continue;
                }
            }
        }
        let client = clients[at].as_mut().expect("a connection");
        number += 1;
        match write_one(client, writer, number).await {
            Ok(id) => {
                was_root = false;
                acknowledged.push((id, writer, number));
                tokio::time::sleep(pause).await;
            }
            Err(error) => {
                let Some(db) = error.as_db_error() else {
                    // The server went away: what became of this row is not known.
                    clients[at] = None;
                    continue;
                };
                // On a branch the sequence lies behind the rows that arrive, and the key is looked at before the trigger
                // refuses; a root had its sequences lifted before it was opened.
                if db.code() == &tokio_postgres::error::SqlState::UNIQUE_VIOLATION {
                    assert!(!was_root, "a root gives out ids that are taken: {error:?}");
                    was_root = is_root(client).await;
                    if !was_root {
                        at = (at + 1) % connstrs.len();
                    }
                    tokio::time::sleep(Duration::from_millis(3)).await;
                    continue;
                }
                let refused = [
                    "is closed here",
                    "disallowed",
                    "disabled",
                    "terminating",
                    "shutting down",
                    "starting up",
                ];
                assert!(
                    refused.iter().any(|words| db.message().contains(words)),
                    "a writer was refused otherwise: {error:?}"
                );
                was_root = false;
                at = (at + 1) % connstrs.len();
                tokio::time::sleep(Duration::from_millis(3)).await;
            }
        }
    }
    acknowledged
}

async fn is_root(client: &Client) -> bool {
    let sql = "select count(*) > 0 from pgq_node.node_info where node_type = 'root'";
    client.query_one(sql, &[]).await.is_ok_and(|row| row.get(0))
}

async fn write_one(client: &mut Client, writer: i32, number: i32) -> Result<i32, tokio_postgres::Error> {
    let insert = format!("insert into {TABLE} (w, n) values ($1, $2) returning id");
    if writer % 2 == 0 {
        let row = client.query_one(&insert, &[&writer, &number]).await?;
        return Ok(row.get(0));
    }
    let transaction = client
        .build_transaction()
        .isolation_level(tokio_postgres::IsolationLevel::RepeatableRead)
        .start()
        .await?;
    transaction
        .query_one("select txid_current_snapshot()::text", &[])
        .await?;
    tokio::time::sleep(Duration::from_millis(u64::from(number.unsigned_abs() * 7 % 40))).await;
    let row = transaction.query_one(&insert, &[&writer, &number]).await?;
    transaction.commit().await?;
    Ok(row.get(0))
}

/// Everything that was acknowledged is there once, all nodes are equal in rows, ticks and events, and no sequence lies behind.
#[track_caller]
pub fn check(cascade: &Cascade, acknowledged: &[Row]) {
    cascade.wait_caught_up();
    let root = cascade.root();
    let rows: BTreeMap<i32, (i32, i32)> = root
        .psql(&format!("select id, w, n from {TABLE}"))
        .lines()
        .map(|line| {
            let fields: Vec<i32> = line
                .split('|')
                .map(|field| field.parse().expect("a number"))
                .collect();
            (fields[0], (fields[1], fields[2]))
        })
        .collect();
    let ids: BTreeSet<i32> = acknowledged.iter().map(|row| row.0).collect();
    assert_eq!(ids.len(), acknowledged.len(), "an id was given twice");
    let lost: Vec<&Row> = acknowledged
        .iter()
        .filter(|(id, w, n)| rows.get(id) != Some(&(*w, *n)))
        .take(5)
        .collect();
    assert!(lost.is_empty(), "acknowledged rows are lost: {lost:?}");
    cascade.assert_equal(TABLE);
    let highest = rows.keys().max().copied().unwrap_or(0);
    for node in cascade.nodes() {
        let what = format!("the sequence of {} to pass {highest}", node.name);
        wait_for(&what, LIMIT, || {
            (node
                .psql("select last_value from note_id_seq")
                .parse::<i64>()
                .ok()?
                >= i64::from(highest))
            .then_some(())
        });
    }
    assert!(cascade.assert_same_ticks() > 0);
}

/// What of a cascade an interrupted plan must not change: who reads from whom, who stands still, which roots are open.
pub fn shape(cascade: &Cascade) -> String {
    cascade
        .nodes()
        .iter()
        .map(|node| {
            let text = node.psql(
                "select n.node_type, s.provider_node, s.paused, q.queue_disable_insert, q.queue_external_ticker, \
                        (select string_agg(i.subscriber_node, ' ' order by 1) from pgq_node.subscriber_info i) \
                   from pgq_node.node_info n \
                   join pgq_node.local_state s on s.queue_name = n.queue_name and s.consumer_name = n.worker_name \
                   left join pgq.queue q on q.queue_name = n.queue_name",
            );
            format!("{}: {text}\n", node.name)
        })
        .collect()
}

/// No record, mark, pause or trigger is left anywhere.
#[track_caller]
pub fn assert_nothing_left(cascade: &Cascade) {
    for node in cascade.nodes() {
        for (what, sql) in [
            ("plans", "select command from londiste_rs.plan"),
            (
                "paused",
                "select consumer_name from pgq_node.local_state where paused",
            ),
        ] {
            assert_eq!(node.psql(sql), "", "{what} on {}", node.name);
        }
    }
}
