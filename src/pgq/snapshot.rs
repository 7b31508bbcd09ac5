//! Transaction snapshots in their text form `xmin:xmax:xip,...` (PostgreSQL manual, "Transaction ID and Snapshot
//! Information Functions"). Ids are 64 bits wide, epoch included, and mean something on one server only.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// Which transactions of one server had ended at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    xmin: i64,
    xmax: i64,
    // Sorted, so that membership is a binary search.
    in_progress: Vec<i64>,
}

impl Snapshot {
    /// Whether the transaction had ended: its changes, if it committed, are visible in this snapshot.
    pub fn contains(&self, txid: i64) -> bool {
        txid < self.xmin || (txid < self.xmax && self.in_progress.binary_search(&txid).is_err())
    }

    /// Every transaction with a smaller id had ended.
    pub fn xmin(&self) -> i64 {
        self.xmin
    }

    /// Transactions that were open, though younger ones had ended; sorted.
    pub fn in_progress(&self) -> &[i64] {
        &self.in_progress
    }

    /// The first transaction id that nobody had ended yet; those from here on may be open or not yet given out.
    pub fn xmax(&self) -> i64 {
        self.xmax
    }

    /// Whether every transaction that `other` contains is contained here as well: then nothing that is *not* contained
    /// here can be contained in `other`.
    pub fn covers(&self, other: &Self) -> bool {
        if self.xmax < other.xmax {
            // Ids from self.xmax on are open here; they must all be open there, too.
            if (self.xmax.max(other.xmin)..other.xmax).any(|txid| other.contains(txid))
                || other.xmin > self.xmax
            {
                return false;
            }
        }
        self.in_progress.iter().all(|txid| !other.contains(*txid))
    }
}

impl FromStr for Snapshot {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let broken = || {
            Error::internal(format!("\"{text}\" is no transaction snapshot"))
                .with_detail("expected xmin:xmax:xip,...")
        };
        let mut parts = text.split(':');
        let (Some(xmin), Some(xmax), Some(list), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(broken());
        };
        let number = |text: &str| text.trim().parse::<i64>().map_err(|_| broken());
        let mut in_progress = list
            .split(',')
            .filter(|id| !id.is_empty())
            .map(number)
            .collect::<Result<Vec<i64>>>()?;
        in_progress.sort_unstable();
        Ok(Self {
            xmin: number(xmin)?,
            xmax: number(xmax)?,
            in_progress,
        })
    }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:", self.xmin, self.xmax)?;
        for (position, txid) in self.in_progress.iter().enumerate() {
            if position > 0 {
                f.write_str(",")?;
            }
            write!(f, "{txid}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn snapshot(text: &str) -> Snapshot {
        text.parse().unwrap()
    }

    #[test]
    fn contains_what_had_ended() {
        let s = snapshot("10:20:12,15");
        assert!(s.contains(9) && s.contains(10) && s.contains(13) && s.contains(19));
        assert!(!s.contains(12) && !s.contains(15) && !s.contains(20) && !s.contains(100));
        assert_eq!(s.to_string(), "10:20:12,15");
        assert!("10:20".parse::<Snapshot>().is_err());
        assert!("a:b:".parse::<Snapshot>().is_err());
    }

    proptest! {
        #[test]
        fn covers_means_contains_all(
            a in (1i64..20, 0i64..20, proptest::collection::vec(0i64..20, 0..4)),
            b in (1i64..20, 0i64..20, proptest::collection::vec(0i64..20, 0..4)),
        ) {
            let make = |(xmin, more, open): (i64, i64, Vec<i64>)| {
                let xmax = xmin + more;
                let mut in_progress: Vec<i64> =
                    open.iter().map(|o| xmin + o).filter(|id| *id < xmax).collect();
                in_progress.sort_unstable();
                in_progress.dedup();
                Snapshot { xmin, xmax, in_progress }
            };
            let (a, b) = (make(a), make(b));
            let by_hand = (0..60).all(|txid| !b.contains(txid) || a.contains(txid));
            prop_assert_eq!(a.covers(&b), by_hand);
        }
    }
}
