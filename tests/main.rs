//! The whole test suite in one binary.

#[allow(dead_code)]
mod cli;
mod pg;
#[allow(dead_code)]
mod support;
mod ticker;
