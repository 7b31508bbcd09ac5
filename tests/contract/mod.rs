//! Promises of the queue: what capturing writes.

mod capture;
