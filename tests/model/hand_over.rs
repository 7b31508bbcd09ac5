//! Worker and copy of one table (`table::plan_worker`, `table::plan_copy`): whatever the order of commits, ticks,
//! batches, looks and deaths, a table that is `ok` has exactly what the worker's tick contains, and in the end it is
//! `ok`.
//!
//! Transactions are bits: each inserts one row into the table, in one event. A snapshot is the set of those that have
//! committed.

use std::collections::{HashMap, HashSet};

use londiste::pgq::TickId;
use londiste::table::{
    CopyFacts, CopyMove, Table, TableAttrs, TableState, WorkerFacts, WorkerMove, plan_copy, plan_worker,
};
use stateright::{Model, Property};

use super::{assert_noticed, assert_sound};

const TABLE: &str = "t";
const TRANSACTIONS: usize = 3;

/// A rule that is broken on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    /// The copy does not wait for a tick behind its snapshot.
    SnapshotForgotten,
    /// Nobody looks again under the lock before the table becomes ok.
    NoSecondLook,
    /// The copy registers its consumer after it has read the rows.
    LateRegistration,
    /// The worker replays a table that a copy works on.
    WorkerReplaysAll,
    /// A copy that starts again trusts the rows it finds.
    RowsTrusted,
    /// Events that are in the rows already are replayed.
    SnapshotIgnored,
}

#[derive(Debug, Clone)]
struct HandOver {
    flaw: Option<Flaw>,
    deaths: u8,
    resyncs: u8,
}

type Set = u8;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    committed: Set,
    /// The snapshot of each tick, the first one is the position of a node that has everything so far.
    ticks: Vec<Set>,
    /// A tick without new transactions can be made once.
    spare_tick: bool,
    // What the subscriber's database keeps.
    state: TableState,
    snapshot: Option<Set>,
    /// How often the row of each transaction is there.
    rows: [u8; TRANSACTIONS],
    worker_tick: usize,
    copy_tick: Option<usize>,
    // What lives in the process only.
    copy: Option<Copy>,
    taking_over: bool,
    deaths: u8,
    resyncs: u8,
}

/// A running copy, and what it has decided to do next.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Copy {
    registered: bool,
    decided: Option<CopyMove>,
    /// With the flaw of a late registration: the rows are in.
    loaded: Option<Set>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Action {
    Commit(usize),
    Tick,
    WorkerReplays(usize),
    WorkerLooks,
    WorkerTakesOver,
    CopyDecides,
    CopyRegisters,
    CopyLoads,
    CopyActs,
    Death,
    Resync,
}

impl World {
    fn latest(&self) -> usize {
        self.ticks.len() - 1
    }

    fn facts(&self, flaw: Option<Flaw>) -> Option<CopyFacts> {
        let completed = self.copy_tick?;
        let passed = self
            .snapshot
            .is_none_or(|snapshot| snapshot & !self.ticks[completed] == 0);
        Some(CopyFacts {
            completed: tick_id(completed),
            has_batch: completed < self.latest(),
            worker_completed: tick_id(self.worker_tick),
            passed_snapshot: passed || flaw == Some(Flaw::SnapshotForgotten),
        })
    }

    fn copy_move(&self, flaw: Option<Flaw>) -> CopyMove {
        // Before a copy has registered it has no position; rows are all that it can want.
        let facts = self.facts(flaw).unwrap_or(CopyFacts {
            completed: tick_id(0),
            has_batch: false,
            worker_completed: tick_id(self.worker_tick),
            passed_snapshot: false,
        });
        plan_copy(self.state, facts)
    }

    fn worker_moves(&self) -> Vec<WorkerMove> {
        let table = Table {
            name: TABLE.to_owned(),
            dest: TABLE.to_owned(),
            state: self.state,
            snapshot: None,
            attrs: TableAttrs::default(),
            dropped_ddl: None,
            copy_tick: self.copy_tick.map(tick_id),
        };
        let running: HashSet<String> = self.copy.iter().map(|_| TABLE.to_owned()).collect();
        let available = HashSet::from([TABLE.to_owned()]);
        plan_worker(
            &HashMap::from([(TABLE.to_owned(), table)]),
            &WorkerFacts {
                completed: tick_id(self.worker_tick),
                running: &running,
                slots: 1,
                available: Some(&available),
            },
        )
    }

    fn apply(&mut self, events: Set) {
        for transaction in 0..TRANSACTIONS {
            if events & (1 << transaction) != 0 {
                self.rows[transaction] += 1;
            }
        }
    }

    fn load(&mut self, flaw: Option<Flaw>) {
        if flaw != Some(Flaw::RowsTrusted) {
            self.rows = [0; TRANSACTIONS];
        }
        self.apply(self.committed);
        self.snapshot = Some(self.committed);
        self.state = TableState::CatchingUp;
    }

    /// The rows are those of the worker's tick, none lacks, none is there twice.
    fn is_exact(&self) -> bool {
        let visible = self.ticks[self.worker_tick];
        (0..TRANSACTIONS).all(|transaction| {
            let expected = u8::from(visible & (1 << transaction) != 0);
            self.rows[transaction] == expected
        })
    }
}

fn tick_id(index: usize) -> TickId {
    TickId(index as i64)
}

impl Model for HandOver {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World {
            committed: 0,
            ticks: vec![0],
            spare_tick: true,
            state: TableState::Missing,
            snapshot: None,
            rows: [0; TRANSACTIONS],
            worker_tick: 0,
            copy_tick: None,
            copy: None,
            taking_over: false,
            deaths: self.deaths,
            resyncs: self.resyncs,
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        for transaction in 0..TRANSACTIONS {
            if world.committed & (1 << transaction) == 0 {
                actions.push(Action::Commit(transaction));
            }
        }
        if world.ticks[world.latest()] != world.committed || world.spare_tick {
            actions.push(Action::Tick);
        }
        // Several ticks may be one batch.
        actions.extend((world.worker_tick + 1..=world.latest()).map(Action::WorkerReplays));
        if world.taking_over {
            actions.push(Action::WorkerTakesOver);
        } else if !world.worker_moves().is_empty() {
            actions.push(Action::WorkerLooks);
        }
        if let Some(copy) = &world.copy {
            match copy.decided {
                None if world.copy_move(self.flaw) != CopyMove::Wait => actions.push(Action::CopyDecides),
                None => {}
                Some(CopyMove::CopyRows) if self.flaw == Some(Flaw::LateRegistration) => {
                    actions.push(if copy.loaded.is_none() {
                        Action::CopyLoads
                    } else {
                        Action::CopyRegisters
                    });
                }
                Some(CopyMove::CopyRows) => actions.push(if copy.registered {
                    Action::CopyLoads
                } else {
                    Action::CopyRegisters
                }),
                Some(_) => actions.push(Action::CopyActs),
            }
        }
        if world.deaths > 0 {
            actions.push(Action::Death);
        }
        if world.resyncs > 0 && world.state != TableState::Missing {
            actions.push(Action::Resync);
        }
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        let mut world = last.clone();
        match action {
            Action::Commit(transaction) => world.committed |= 1 << transaction,
            Action::Tick => {
                if world.ticks[world.latest()] == world.committed {
                    world.spare_tick = false;
                }
                world.ticks.push(world.committed);
            }
            Action::WorkerReplays(tick) => {
                if world.state == TableState::Ok || self.flaw == Some(Flaw::WorkerReplaysAll) {
                    world.apply(world.ticks[tick] & !world.ticks[world.worker_tick]);
                }
                world.worker_tick = tick;
            }
            Action::WorkerLooks => {
                for step in world.worker_moves() {
                    match step {
                        WorkerMove::StartCopy(_) | WorkerMove::ResumeCopy(_) => {
                            if world.state == TableState::Missing {
                                world.state = TableState::InCopy;
                            }
                            world.copy = Some(Copy {
                                registered: false,
                                decided: None,
                                loaded: None,
                            });
                        }
                        WorkerMove::TakeOver(_) => world.taking_over = true,
                        WorkerMove::WaitForProvider(_) => return None,
                    }
                }
            }
            Action::WorkerTakesOver => {
                world.taking_over = false;
                let again = world
                    .worker_moves()
                    .contains(&WorkerMove::TakeOver(TABLE.to_owned()));
                if again || self.flaw == Some(Flaw::NoSecondLook) {
                    world.state = TableState::Ok;
                    world.snapshot = None;
                }
            }
            Action::CopyDecides => {
                let decided = world.copy_move(self.flaw);
                world.copy.as_mut()?.decided = Some(decided);
            }
            Action::CopyRegisters => {
                world.copy_tick = Some(world.latest());
                let copy = world.copy.as_mut()?;
                copy.registered = true;
                if copy.loaded.is_some() {
                    copy.decided = None;
                    copy.loaded = None;
                }
            }
            Action::CopyLoads => {
                // Under the lock on the table's row: a resync since the decision is seen.
                let resynced = world.state != TableState::InCopy;
                if !resynced {
                    world.load(self.flaw);
                }
                let (committed, late) = (world.committed, self.flaw == Some(Flaw::LateRegistration));
                let copy = world.copy.as_mut()?;
                if late && !resynced {
                    copy.loaded = Some(committed);
                } else {
                    copy.decided = None;
                    copy.registered = false;
                }
            }
            Action::CopyActs => {
                let decided = world.copy.as_mut()?.decided.take()?;
                self.act(&mut world, decided)?;
            }
            Action::Death => {
                world.deaths -= 1;
                world.copy = None;
                world.taking_over = false;
            }
            Action::Resync => {
                world.resyncs -= 1;
                world.state = TableState::Missing;
                world.snapshot = None;
            }
        }
        (world != *last).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(
                "a table that is ok has the rows of the worker's tick",
                |_, world: &World| world.state != TableState::Ok || world.is_exact(),
            ),
            Property::always(
                "when nothing is left to do the table is ok",
                |model: &Self, world: &World| {
                    let mut actions = Vec::new();
                    model.actions(world, &mut actions);
                    actions.retain(|action| !matches!(action, Action::Death | Action::Resync));
                    world.state == TableState::Ok || !actions.is_empty()
                },
            ),
            Property::sometimes(
                "the worker takes over from a copy that waits",
                |_, world: &World| world.taking_over,
            ),
        ]
    }
}

impl HandOver {
    /// The copy does what it decided, after a second look under the lock.
    fn act(&self, world: &mut World, decided: CopyMove) -> Option<()> {
        match decided {
            CopyMove::Replay => {
                let at = world.copy_tick?;
                if world.state.is_replayed_by_copy() && at < world.latest() {
                    let skipped = match self.flaw {
                        Some(Flaw::SnapshotIgnored) => 0,
                        _ => world.snapshot.unwrap_or(0),
                    };
                    world.apply(world.ticks[at + 1] & !world.ticks[at] & !skipped);
                    world.copy_tick = Some(at + 1);
                }
            }
            CopyMove::WannaSync(tick) => {
                if world.state == TableState::CatchingUp {
                    world.state = TableState::WannaSync(tick);
                }
            }
            CopyMove::TakeOver => {
                let met = world.copy_tick == Some(world.worker_tick) && world.state.is_replayed_by_copy();
                if met || self.flaw == Some(Flaw::NoSecondLook) {
                    world.state = TableState::Ok;
                    world.snapshot = None;
                }
            }
            CopyMove::Leave => {
                world.copy = None;
                world.copy_tick = None;
            }
            CopyMove::CopyRows | CopyMove::Wait => {}
        }
        Some(())
    }
}

#[test]
fn a_table_in_sync_has_neither_gap_nor_double() {
    let model = HandOver {
        flaw: None,
        deaths: 1,
        resyncs: 1,
    };
    assert_sound(model, 10_000);
}

#[test]
fn broken_rules_of_the_hand_over_are_noticed() {
    for flaw in [
        Flaw::SnapshotForgotten,
        Flaw::NoSecondLook,
        Flaw::LateRegistration,
        Flaw::WorkerReplaysAll,
        Flaw::RowsTrusted,
        Flaw::SnapshotIgnored,
    ] {
        let model = HandOver {
            flaw: Some(flaw),
            deaths: 1,
            resyncs: 1,
        };
        assert_noticed(model, &format!("{flaw:?}"));
    }
}
