//! The process: pid file, signals, background mode, log set-up.
//!
//! Nothing here knows about queues or tables; the programs call it once at start.
