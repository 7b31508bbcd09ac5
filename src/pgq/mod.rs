//! The queue seen from a client: ids, ticks, snapshots, batches, events and their text form.
//!
//! Source: the `pgq` schema's functions (`next_batch_custom`, `batch_event_sql`, `finish_batch`, ...); they are called
//! under their own names, so that the schema of the ancestor and ours serve alike.

mod batch;
mod detached;
mod event;
mod foreign_txids;
mod id;
mod part;
mod queue;
mod slice;
mod snapshot;
pub mod urldict;

pub use batch::{Batch, BatchLimits, FINISH_BATCH, next_batch, next_batch_by};
pub use detached::find_detached;
pub use event::{Event, EventStream, is_row_change, txid_of_line};
pub use foreign_txids::{ForeignTxids, find_foreign_txids};
pub use id::{BatchId, TickId};
pub use part::{Part, condition};
pub use queue::{TICK_CHANNEL, Tick, force_tick, list_ticks, load_tick};
pub use slice::{EventRef, EventSlice};
pub use snapshot::Snapshot;
