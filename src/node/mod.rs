//! What one node is and knows: its type, provider, subscribers, members, and how its functions are called.
//!
//! Everything here asks one database about one queue and keeps nothing. Changes to the tree are made by
//! [`crate::cascade`]; what a status tree looks like is decided in [`tree`] without a server.

pub mod call;
pub mod dialer;
pub mod facts;
pub mod info;
pub mod lag;
pub mod replica_role;
pub mod stream;
pub mod survey;
pub mod tree;
pub mod worker;

pub use call::{CallResult, call, call_quietly};
pub use dialer::Dialer;
pub use info::{ConsumerInfo, Member, NodeInfo, NodeType};
pub use replica_role::{ReplayRole, become_replica};
