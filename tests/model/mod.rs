//! The protocols as state machines, explored in all their orders (stateright). What the programs decide with is what
//! the models decide with; a model adds the databases, the crashes and the order in which things happen.
//!
//! Each model is also run with one rule broken on purpose: an exploration that does not find that shows nothing.

mod hand_over;
mod takeover;

use std::fmt::Debug;
use std::hash::Hash;
use std::thread;

use stateright::{Checker, DiscoveryClassification, HasDiscoveries, Model};

/// Goes through all that can happen: nothing that must always hold is broken, what may happen happens.
#[track_caller]
fn assert_sound<M>(model: M, at_least: usize)
where
    M: Model + Send + Sync + 'static,
    M::State: Debug + Clone + PartialEq + Hash + Send + Sync,
    M::Action: Debug + Clone + PartialEq,
{
    let checker = explore(model);
    checker.assert_properties();
    let states = checker.unique_state_count();
    println!("{states} states");
    assert!(
        states >= at_least,
        "only {states} states were seen: the model does not move"
    );
}

/// Something that must always hold is found broken; returns what.
#[track_caller]
fn assert_noticed<M>(model: M, flaw: &str) -> &'static str
where
    M: Model + Send + Sync + 'static,
    M::State: Debug + Clone + PartialEq + Hash + Send + Sync,
    M::Action: Debug + Clone + PartialEq,
{
    let checker = explore(model);
    let states = checker.unique_state_count();
    let broken = checker.discoveries().into_keys().find(|name| {
        matches!(
            checker.discovery_classification(name),
            DiscoveryClassification::Counterexample
        )
    });
    println!("{flaw}: {broken:?} after {states} states");
    broken.unwrap_or_else(|| panic!("{states} states, and nobody noticed: {flaw}"))
}

fn explore<M>(model: M) -> impl Checker<M>
where
    M: Model + Send + Sync + 'static,
    M::State: Debug + Clone + PartialEq + Hash + Send + Sync,
    M::Action: Debug + Clone + PartialEq,
{
    model
        .checker()
        .threads(thread::available_parallelism().map_or(1, usize::from))
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join()
}
