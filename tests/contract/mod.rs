//! Promises of the queue: what capturing writes, what reading repeats, what is installed and with whose rights it runs.

mod batches;
mod capture;
mod client;
mod logtriga;
mod restore;
mod retry;
pub mod schema;
mod security;
mod takeover;
pub mod traps;
pub mod trigger_events;
mod trigger_random;
