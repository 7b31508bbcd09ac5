//! The net effect of several changes of one row.
//!
//! Inside a transaction nobody sees what lies between, so of the changes of one key only their sum is applied. A pure
//! function of the changes; what a row is, and how two are put together, the caller knows.

use super::row::Op;

/// What is left to do for one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Net<R> {
    /// There was no row; now there is this one.
    Insert(R),
    /// There is a row; some of its columns change.
    Update(R),
    /// There was a row, now there is none.
    Delete(R),
    /// There was a row, and there is another one: columns that the new one does not name get their defaults.
    Replace(R),
    /// A row came and went.
    Nothing,
}

impl<R> Net<R> {
    /// The effect of the first change.
    pub fn first(op: Op, row: R) -> Self {
        match op {
            Op::Insert => Self::Insert(row),
            Op::Update => Self::Update(row),
            Op::Delete => Self::Delete(row),
        }
    }

    /// The effect of one more change; `merge` puts the columns of an update over those of the row before. Nothing when
    /// no table can have changed like that: then only the changes themselves, one by one, can tell what is wrong.
    pub fn then(self, op: Op, row: R, merge: impl FnOnce(R, R) -> R) -> Option<Self> {
        Some(match (self, op) {
            (Self::Insert(old), Op::Update) => Self::Insert(merge(old, row)),
            (Self::Insert(_), Op::Delete) => Self::Nothing,
            (Self::Update(old), Op::Update) => Self::Update(merge(old, row)),
            (Self::Update(_), Op::Delete) => Self::Delete(row),
            (Self::Delete(_), Op::Insert) => Self::Replace(row),
            (Self::Replace(old), Op::Update) => Self::Replace(merge(old, row)),
            (Self::Replace(_), Op::Delete) => Self::Delete(row),
            (Self::Nothing, Op::Insert) => Self::Insert(row),
            (Self::Insert(_) | Self::Update(_) | Self::Replace(_), Op::Insert)
            | (Self::Delete(_) | Self::Nothing, Op::Update | Op::Delete) => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    type Row = BTreeMap<u8, u8>;

    /// A table with one key: nothing, or the row's columns.
    fn apply(state: Option<Row>, op: Op, row: &Row) -> Option<Row> {
        match op {
            Op::Insert => Some(row.clone()),
            Op::Update => state.map(|mut old| {
                old.extend(row);
                old
            }),
            Op::Delete => None,
        }
    }

    fn apply_net(state: Option<Row>, net: Net<Row>) -> Option<Row> {
        match net {
            Net::Insert(row) => {
                assert_eq!(state, None);
                Some(row)
            }
            Net::Update(row) => apply(state, Op::Update, &row),
            Net::Delete(_) => {
                assert!(state.is_some());
                None
            }
            Net::Replace(row) => {
                assert!(state.is_some());
                Some(row)
            }
            Net::Nothing => state,
        }
    }

    proptest! {
        #[test]
        fn the_sum_is_what_the_changes_come_to(
            start in proptest::option::of(proptest::collection::btree_map(0..4u8, any::<u8>(), 0..4)),
            changes in proptest::collection::vec(
                (any::<bool>(), proptest::collection::btree_map(0..4u8, any::<u8>(), 0..4)), 1..12),
        ) {
            // Only such histories as a table with a key allows.
            let mut state = start.clone();
            let mut net = None;
            for (deletes, row) in changes {
                let op = match (&state, deletes) {
                    (None, _) => Op::Insert,
                    (Some(_), true) => Op::Delete,
                    (Some(_), false) => Op::Update,
                };
                state = apply(state, op, &row);
                let merge = |mut old: Row, new: Row| { old.extend(new); old };
                net = Some(match net {
                    None => Net::first(op, row),
                    Some(net) => Net::then(net, op, row, merge).expect("a history that can be"),
                });
            }
            prop_assert_eq!(apply_net(start, net.expect("at least one change")), state);
        }

        #[test]
        fn what_cannot_be_is_told(ops in proptest::collection::vec(0..3usize, 1..6)) {
            let ops: Vec<Op> = ops.into_iter().map(|op| [Op::Insert, Op::Update, Op::Delete][op]).collect();
            let mut net = Some(Net::first(ops[0], ()));
            for op in &ops[1..] {
                net = net.and_then(|net| net.then(*op, (), |(), ()| ()));
            }
            let possible = ops.windows(2).all(|pair| (pair[0] == Op::Delete) == (pair[1] == Op::Insert));
            prop_assert_eq!(net.is_some(), possible);
        }
    }
}
