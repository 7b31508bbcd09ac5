//! Changes of the tree under load: who takes whose place, what is refused, what is put back.

mod change_provider;
mod failover;
mod names;
mod quirks;
mod status;
mod takeover;
pub mod writers;
