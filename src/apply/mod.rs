//! Events become row changes on the local tables.
//!
//! Promise: inside one transaction, changes are made in the order of the events. The caller owns the transaction; when
//! a change fails, everything fails, and the error names the event, the table and what to do. Rows that an update or
//! a delete did not find are counted, for drift is noticed while replaying.

mod ahead;
mod applier;
mod encode;
mod key;
mod net;
mod plan;
mod reduce;
mod row;
mod rows;
mod statement;
mod target;
mod text_param;

pub use ahead::{Ahead, Encode, Planned, SharedRoutes};
pub use applier::{Applier, SetError};
pub use key::KeyKind;
pub use plan::{Plan, Route, Routes, RowRoute, SetWork, Step, Stopped, plan};
pub use row::{Op, RowChange, RowText};
pub use target::{Target, TargetColumn};
