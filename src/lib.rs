//! Replication between PostgreSQL databases through PgQ.
//!
//! The rooms, from the bottom up; a room leans only on rooms above it in this list. ARCHITECTURE.md has the map and
//! one event's journey.

pub mod apply;
pub mod cascade;
pub mod cli;
pub mod client;
pub mod compare;
pub mod config;
pub mod consumer;
pub mod copy;
pub mod daemon;
pub mod error;
pub mod execute;
pub mod install;
pub mod metrics;
pub mod node;
pub mod parked;
pub mod pg;
pub mod pgq;
pub mod service;
pub mod sql;
pub mod table;
pub mod ticker;
pub mod worker;
