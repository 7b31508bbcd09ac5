//! The whole test suite in one binary.

mod pg;
#[allow(dead_code)]
mod support;
