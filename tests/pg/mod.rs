//! Connections against a real server.

mod session;
