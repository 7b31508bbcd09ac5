//! The whole test suite in one binary.

mod cascade;
#[allow(dead_code)]
mod cli;
mod contract;
mod fault;
mod metrics;
mod model;
mod parity;
mod peers;
mod pg;
mod replication;
#[allow(dead_code)]
mod support;
mod ticker;
mod tour;
mod versions;
