//! The identity of a stream: a position belongs to one history of ticks.
//!
//! With each batch the node stores what its provider said of the batch's last tick, and which tables the batch changed
//! here. Before the next batch is applied, the provider must describe that tick the same way. A provider that was set
//! back and has made new ticks with the same numbers is noticed by that; one that has not come as far as this node, by
//! its numbers. The stored ticks are a trail of some thousands, so the first one that differs is found, whoever kept it:
//! what lies before it is common to both, what lies behind it exists here only.
//!
//! Times decide. They are those of the root on every node, to the microsecond, and no two histories have made a tick of
//! one number at one time. Snapshots are each server's own and are rewritten when a queue is repaired; event numbers of
//! ticks are what an ancestor's branch has counted since its start.

use tokio::sync::OnceCell;
use tokio_postgres::{Client, Statement};

use crate::error::{Error, ErrorKind, Result};
use crate::pgq::{Batch, TickId};
use crate::sql;

/// Ticks that are compared when a difference is searched for.
const COMPARED: i64 = 20_000;
/// Names any table, in place of a table's name: a script was run.
pub const ANY_TABLE: &str = "*";

/// Keeps and compares what providers said. Without our own schema in the database it knows nothing and says so once.
pub struct StreamIdentity {
    stored_here: bool,
    store: OnceCell<Statement>,
}

/// A tick as two nodes describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TickPair {
    /// Its id.
    pub tick: TickId,
    /// When it was made, by what was replayed here.
    pub here: String,
    /// What the provider says: nothing when it does not have it.
    pub there: Option<String>,
    /// Whether both say the same.
    pub same: bool,
}

/// Where two histories part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Divergence {
    /// The last tick that both have; nothing when none is left that could be compared.
    pub last_same: Option<TickId>,
    /// The first one that differs.
    pub first: TickPair,
}

impl Divergence {
    /// Finds it among ticks that this node knows, in rising order. What a provider does not have differs if the provider
    /// is past it (`top`), or if it is a root, which gets its ticks from nobody.
    pub fn find(ticks: &[TickPair], top: Option<TickId>, is_root: bool) -> Option<Self> {
        let differs = |pair: &&TickPair| match pair.there {
            Some(_) => !pair.same,
            None => is_root || top.is_some_and(|top| top > pair.tick),
        };
        let last_same = ticks.iter().rev().find(|pair| pair.same).map(|pair| pair.tick);
        let first = ticks
            .iter()
            .filter(|pair| last_same.is_none_or(|same| pair.tick > same))
            .find(differs)?;
        Some(Self {
            last_same,
            first: first.clone(),
        })
    }

    /// The error of a node that reads from `provider`, and what to do.
    pub fn error(&self, provider: &str) -> Error {
        let tick = self.first.tick;
        let here = format!("replayed here: tick of {}", self.first.here);
        let error = match &self.first.there {
            Some(there) => Error::new(
                ErrorKind::Position,
                format!("provider \"{provider}\" has another history: its tick {tick} is not the one replayed here"),
            )
            .with_detail(format!("{here}; offered now: tick of {there}; {}", self.common())),
            None => Error::new(
                ErrorKind::Position,
                format!("provider \"{provider}\" has another history: tick {tick} was replayed here, and it does not have it"),
            )
            .with_detail(format!("{here}; {}", self.common())),
        };
        error
            .with_hint("was the provider restored from a backup, or a standby promoted that lacked the last changes?")
            .with_hint(
                "stop this worker; londiste worker --rewind goes back to the last common tick and has the tables copied \
                 anew that were changed since; then start it, and compare the tables",
            )
    }

    fn common(&self) -> String {
        match self.last_same {
            Some(tick) => format!("the last tick that both have is {tick}"),
            None => "no earlier tick is left to compare".to_owned(),
        }
    }
}

impl StreamIdentity {
    /// Looks whether the database has the tables for it.
    pub async fn detect(client: &Client) -> Result<Self> {
        let row = client
            .query_one(
                "select pg_catalog.to_regclass('londiste_rs.stream_trail') is not null",
                &[],
            )
            .await?;
        let stored_here: bool = row.get(0);
        if !stored_here {
            tracing::warn!(
                "this database lacks londiste_rs.stream_trail, so a provider that was set back may go unnoticed: \
                 run londiste install --only londiste_rs on it"
            );
        }
        Ok(Self {
            stored_here,
            store: OnceCell::new(),
        })
    }

    /// Whether the database has them.
    pub fn is_stored_here(&self) -> bool {
        self.stored_here
    }

    /// Compares a tick as the provider describes it now with what was stored when this node replayed it; nothing when
    /// nothing is stored of it.
    pub async fn is_same(
        &self,
        client: &Client,
        queue: &str,
        consumer: &str,
        (tick, time): (TickId, &str),
    ) -> Result<Option<bool>> {
        if !self.stored_here {
            return Ok(None);
        }
        let row = client
            .query_opt(sql::worker::SAME_STREAM, &[&queue, &consumer, &tick.0, &time])
            .await?;
        Ok(row.map(|row| row.get("same")))
    }

    /// Compares all ticks that are known here with the provider's; nothing when the histories are one, as far as both
    /// can tell.
    pub async fn find_divergence(
        &self,
        client: &Client,
        provider: &Client,
        queue: &str,
        consumer: &str,
    ) -> Result<Option<Divergence>> {
        if !self.stored_here {
            return Ok(None);
        }
        let Some(top) = provider.query_opt(sql::worker::LOAD_TOP, &[&queue]).await? else {
            return Ok(None);
        };
        let known = client
            .query(sql::worker::LIST_KNOWN_TICKS, &[&queue, &consumer, &COMPARED])
            .await?;
        let ids: Vec<i64> = known.iter().rev().map(|row| row.get("tick_id")).collect();
        let times: Vec<String> = known.iter().rev().map(|row| row.get("tick_time")).collect();
        let rows = provider
            .query(sql::worker::COMPARE_TICKS, &[&queue, &ids, &times])
            .await?;
        let pairs: Vec<TickPair> = rows
            .iter()
            .filter_map(|row| {
                let id: i64 = row.get("tick_id");
                let place = ids.binary_search(&id).ok()?;
                Some(TickPair {
                    tick: TickId(id),
                    here: times[place].clone(),
                    there: row.get("tick_time"),
                    same: row.get::<_, Option<bool>>("same").unwrap_or(false),
                })
            })
            .collect();
        let newest = top.get::<_, Option<i64>>("tick_id").map(TickId);
        Ok(Divergence::find(&pairs, newest, top.get("is_root")))
    }

    /// Notes how far a combined queue has delivered a partition, as the merging worker described the tick.
    pub async fn store_partition(
        &self,
        client: &Client,
        (combined, partition): (&str, &str),
        tick: TickId,
        time: &str,
        event_seq: i64,
    ) -> Result<()> {
        if self.stored_here {
            let sql = sql::worker::STORE_PARTITION_POSITION;
            client
                .execute(sql, &[&combined, &partition, &tick.0, &time, &event_seq])
                .await?;
        }
        Ok(())
    }

    /// Prepares what [`StreamIdentity::store`] runs, so that it is sent at once.
    pub async fn prepare(&self, client: &Client) -> Result<()> {
        if self.stored_here {
            self.statement(client).await?;
        }
        Ok(())
    }

    async fn statement(&self, client: &Client) -> Result<&Statement> {
        // The connection lives as long as this value.
        let prepare = || client.prepare(sql::worker::STORE_STREAM_POSITION);
        Ok(self.store.get_or_try_init(prepare).await?)
    }

    /// Notes the batch's last tick and the tables (their local names) that it changed, inside the transaction of its work.
    pub async fn store(
        &self,
        client: &Client,
        queue: &str,
        consumer: &str,
        provider: &str,
        batch: &Batch,
        tables: &[String],
    ) -> Result<()> {
        if self.stored_here {
            let statement = self.statement(client).await?;
            client
                .execute(
                    statement,
                    &[
                        &queue,
                        &consumer,
                        &provider,
                        &batch.tick.0,
                        &batch.tick_time,
                        &batch.event_seq,
                        &tables,
                    ],
                )
                .await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(there: &[(i64, Option<bool>)]) -> Vec<TickPair> {
        let pair = |(id, same): &(i64, Option<bool>)| TickPair {
            tick: TickId(*id),
            here: format!("time {id}"),
            there: same.map(|same| {
                if same {
                    format!("time {id}")
                } else {
                    "another".to_owned()
                }
            }),
            same: *same == Some(true),
        };
        there.iter().map(pair).collect()
    }

    fn find(there: &[(i64, Option<bool>)], top: i64, is_root: bool) -> Option<(Option<i64>, i64)> {
        Divergence::find(&ticks(there), Some(TickId(top)), is_root)
            .map(|d| (d.last_same.map(|t| t.0), d.first.tick.0))
    }

    #[test]
    fn the_first_tick_that_differs_is_found() {
        let (same, other) = (Some(true), Some(false));
        assert_eq!(find(&[(1, same), (2, same)], 2, true), None);
        assert_eq!(find(&[], 2, true), None);
        assert_eq!(
            find(&[(1, same), (2, same), (3, other), (4, other)], 9, true),
            Some((Some(2), 3))
        );
        assert_eq!(find(&[(3, other), (4, other)], 9, false), Some((None, 3)));
    }

    #[test]
    fn what_a_provider_lacks_differs_when_it_will_not_come() {
        let same = Some(true);
        // A promoted standby goes on with numbers some way ahead.
        assert_eq!(
            find(&[(1, same), (2, None), (3, None)], 34, true),
            Some((Some(1), 2))
        );
        assert_eq!(
            find(&[(1, same), (2, None), (3, None)], 34, false),
            Some((Some(1), 2))
        );
        // It stands where it was set back to.
        assert_eq!(
            find(&[(1, same), (2, None), (3, None)], 1, true),
            Some((Some(1), 2))
        );
        assert_eq!(
            find(&[(1, same), (2, None), (3, None)], 1, false),
            None,
            "a branch gets them again from its own provider"
        );
    }
}
