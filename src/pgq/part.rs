//! One tick's share of a batch that spans several.

use std::sync::Arc;

use bytes::Bytes;

use super::Snapshot;

/// The events between two neighbouring ticks of an open batch.
#[derive(Debug, Clone)]
pub struct Part {
    /// Snapshot of the tick before the first event.
    pub after: Snapshot,
    /// Snapshot of the tick after the last event.
    pub until: Snapshot,
    /// The events as lines of COPY text without newline, where they were read already.
    pub lines: Option<Arc<Vec<Bytes>>>,
}

impl Part {
    /// What picks the events out of the batch, as an SQL condition on the event columns.
    pub fn condition(&self) -> String {
        condition(&self.after, &self.until)
    }
}

/// The condition for events that `until` sees and `after` does not. Its first two terms follow from the others; they are
/// there for the index on the transaction ids.
pub fn condition(after: &Snapshot, until: &Snapshot) -> String {
    let first = after.in_progress().first().copied().unwrap_or(after.xmax());
    format!(
        "ev_txid >= {first} and ev_txid < {} and pg_catalog.txid_visible_in_snapshot(ev_txid, '{until}') \
         and not pg_catalog.txid_visible_in_snapshot(ev_txid, '{after}')",
        until.xmax()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_holds_all_that_the_snapshots_differ_in() {
        let snapshot = |text: &str| text.parse::<Snapshot>().unwrap();
        let text = condition(&snapshot("40:50:40,45"), &snapshot("60:70:60"));
        assert!(text.starts_with("ev_txid >= 40 and ev_txid < 70 and "), "{text}");
        assert!(
            text.contains("visible_in_snapshot(ev_txid, '60:70:60')"),
            "{text}"
        );
        let text = condition(&snapshot("50:50:"), &snapshot("60:60:"));
        assert!(text.starts_with("ev_txid >= 50 and ev_txid < 60 and "), "{text}");
    }
}
