//! Events become row changes on the local tables.
//!
//! Promise: inside one transaction, changes are made in the order of the events. The caller owns the transaction; when
//! a change fails, everything fails, and the error names the event, the table and what to do. Rows that an update or
//! a delete did not find are counted, for drift is noticed while replaying.

mod applier;
mod row;
mod statement;
mod target;
mod text_param;

pub use applier::Applier;
pub use row::{Op, RowChange};
