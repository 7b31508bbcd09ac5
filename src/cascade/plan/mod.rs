//! Changes of the tree as plans: lists of steps that are made from facts, shown, recorded, carried out, finished by
//! somebody else, or taken back.
//!
//! ```text
//! survey (reads)  ──►  plan_...(facts)  ──►  Plan  ──►  record on one node, mark on the others
//!                      pure: no I/O                     │
//!                                                       ├─ run: step after step, each marked when it is done
//!                                        killed here ─► ├─ continue: from the first step that is not marked
//!                                                       └─ undo: back from that step, until the point of no return
//! ```
//! Promises: each step may be run again, for whoever dies between doing it and marking it leaves that to the next one;
//! each wait has a limit and says what it waits for. One plan per queue: the record is a row with the queue as its key on
//! every node that can be reached, and who runs it holds a session lock on the node that has the plan, so a second
//! administrator is refused by name wherever he begins. A plan that fails before it has changed anything leaves nothing.
//!
//! Nodes whose databases are the ancestor's alone take part through `pgq_node.*`; only records and marks are not there.

pub mod barrier;
pub mod facts;
pub mod perform;
mod perform_dead;
pub mod record;
pub mod run;
pub mod step;
pub mod survey;

pub use facts::{Facts, MergeFacts, NodeFacts};
pub use perform_dead::gravestone;
pub use run::{Options, Outcome, Runner};
pub use step::{Action, Plan, Reader, Step, StepState, Values};
