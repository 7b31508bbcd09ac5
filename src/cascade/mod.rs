//! Changes of the tree: nodes come and go, stand still and go on.
//!
//! Every step is its own transaction on one database; there is no global one. The order of the steps is chosen so that
//! a stop in the middle leaves the old state or one from which the same command, run again, goes on: a step that finds
//! its work done leaves it (cascade.md 10). Nothing here prints; what happens is logged.

pub mod change_provider;
pub mod create;
pub mod drop_node;
pub mod everyone;
pub mod go_back;
pub mod handshake;
pub mod location;
pub mod plan;
pub mod relocate;
pub mod rename;
pub mod resurrect;
pub mod route;
pub mod source;
pub mod tag;
pub mod takeover;
pub mod takeover_dead;
pub mod wait;
