//! Rows that are written once, in a table without any key: nothing would notice one that is lost or comes twice.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::support::Cluster;
use crate::support::cascade::{Cascade, Server};
use crate::support::random::Random;

const KILLS: usize = 24;
const WRITERS: usize = 3;

#[test]
fn each_token_is_there_exactly_once_whatever_is_killed() {
    let mut random = Random::seeded();
    let provider = Arc::new(Cluster::start());
    let subscriber = Arc::new(Cluster::start());
    let mut cascade = Cascade::new("tokens");
    cascade.create("root", "root", Server::from(&provider), None);
    cascade.create("leaf", "leaf", Server::from(&subscriber), Some("root"));
    cascade.psql_all("create table token (v text not null)");
    cascade.start_pgqd();
    cascade.start_workers();

    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..WRITERS)
        .map(|number| {
            let (connstr, stop) = (cascade["root"].connstr(), stop.clone());
            thread::spawn(move || write_tokens(number, &connstr, &stop))
        })
        .collect();
    // The writers are there before the trigger is, and the copy runs among the kills.
    cascade.add_table_with("token", &["--trigger-flags=I"]);

    let mut killed: HashMap<&str, usize> = HashMap::new();
    for _ in 0..KILLS {
        thread::sleep(Duration::from_millis(random.below(400)));
        let victim = match random.below(10) {
            0..4 => {
                cascade["leaf"].worker().kill9();
                cascade["leaf"].start_worker();
                "worker"
            }
            4..6 => {
                cascade.pgqd.as_mut().expect("pgqd was started").kill9();
                cascade.start_pgqd();
                "pgqd"
            }
            6 => {
                cascade["root"].worker().kill9();
                cascade["root"].start_worker();
                "root's worker"
            }
            7 => {
                provider.kill9();
                provider.start_again();
                "provider's server"
            }
            _ => {
                subscriber.kill9();
                subscriber.start_again();
                "subscriber's server"
            }
        };
        *killed.entry(victim).or_default() += 1;
    }
    println!("killed: {killed:?}");
    cascade.wait_in_sync();
    stop.store(true, Ordering::Relaxed);
    let committed: Vec<String> = writers
        .into_iter()
        .flat_map(|writer| writer.join().expect("a writer"))
        .collect();
    cascade.wait_caught_up();

    println!("{} tokens were acknowledged", committed.len());
    assert!(committed.len() > 100, "hardly anything was written");
    cascade.assert_equal("token");
    let leaf = cascade["leaf"].psql("select v from token");
    let mut there = HashSet::new();
    for token in leaf.lines() {
        assert!(there.insert(token), "token {token} is there twice");
    }
    for token in &committed {
        assert!(there.contains(token.as_str()), "token {token} is lost");
    }
}

/// Writes tokens, a few per transaction, until told to stop. Returns those whose commit the server acknowledged; one
/// whose fate is unknown is never written again.
fn write_tokens(writer: usize, connstr: &str, stop: &AtomicBool) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let mut committed = Vec::new();
    let mut next = 0_u64;
    runtime.block_on(async {
        while !stop.load(Ordering::Relaxed) {
            let Ok((mut client, connection)) = tokio_postgres::connect(connstr, tokio_postgres::NoTls).await
            else {
                // The server is being killed or started.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let driver = tokio::spawn(connection);
            while !stop.load(Ordering::Relaxed) {
                let tokens: Vec<String> = (0..next % 4 + 1)
                    .map(|i| format!("{writer}-{next}-{i}"))
                    .collect();
                next += 1;
                let written = async {
                    let transaction = client.transaction().await?;
                    for token in &tokens {
                        transaction
                            .execute("insert into token values ($1)", &[token])
                            .await?;
                    }
                    if next % 10 == 0 {
                        // Longer than a tick apart from its neighbours.
                        tokio::time::sleep(Duration::from_millis(30)).await;
                    }
                    transaction.commit().await
                };
                match written.await {
                    Ok(()) => committed.extend(tokens),
                    Err(_) => break,
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            drop(client);
            let _ = driver.await;
        }
    });
    committed
}
