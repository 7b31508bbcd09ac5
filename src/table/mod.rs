//! A replicated table: its names, attributes and state, and who may move the state when.

mod attrs;
mod registry;
mod renew;
mod state;
mod transition;

pub use attrs::TableAttrs;
pub use registry::{Table, copy_consumer, load_tables, load_tables_by, store_state};
pub use renew::{copy_all_anew, copy_anew};
pub use state::TableState;
pub use transition::{
    CopyFacts, CopyMove, Mover, TRANSITIONS, Transition, WorkerFacts, WorkerMove, plan_copy, plan_worker,
};
