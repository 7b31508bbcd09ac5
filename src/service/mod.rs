//! What every long-running duty shares: the stop signal, growing pauses, folded log lines, fault points.

pub mod backoff;
pub mod fault;
pub mod folded;
pub mod stop;
