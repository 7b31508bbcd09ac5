//! The first copy of a table: rows of one snapshot, then what happened meanwhile, then the hand-over to the worker.
//!
//! ```text
//! in-copy       one transaction here: lock, drop indexes and keys, truncate, COPY out of one snapshot of the source,
//!               indexes and keys back, state `catching-up` with the snapshot. Killed anywhere: nothing happened.
//!               A large table instead in ranges that are committed one by one (`large`). Killed anywhere: the ranges that
//!               lack are copied, and what changed meanwhile.
//! catching-up   replays the table's events with a consumer of its own; skips events whose transaction is contained in
//!               the snapshot. Killed anywhere: goes on at its stored position.
//! wanna-sync    ahead of the worker: waits for it.
//! ok            both stand at the same tick (decided under the lock on the worker's position).
//! ```
//! The copy runs inside the worker's process, so it dies and starts again with it, or alone as `londiste copy TABLE`.
//! It leaves foreign keys to the worker. What it registered on the source (a consumer) it removes at the end; should
//! it die just then, the worker finds and removes it.

mod advice;
mod catch_up;
mod large;
mod load;
mod objects;
mod progress;
mod pump;
mod run;
mod runner;
mod side;
mod source;

pub use progress::{Progress, ProgressSink};
pub(crate) use run::forget_void_runs;
pub(crate) use runner::drop_consumer;
pub use runner::{CopyJob, run_job, run_one};
pub use source::remote_info;
