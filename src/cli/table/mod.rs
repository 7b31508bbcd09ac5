//! Commands for the tables and sequences of a node.

mod add;
mod after;
mod capture;
mod check;
mod expand;
mod handler;
mod list;
mod parked;
mod refusal;
mod registry;
mod removal;
mod remove;
mod sequence;
mod wait;

use clap::Subcommand;

use super::Context;
use crate::error::Result;

pub use add::AddTableArgs;
pub use after::{explain_lock_wait, limit_lock_waits};
pub use check::CheckArgs;
pub use list::{ListArgs, TablesArgs};
pub use parked::{OnErrorArgs, ParkedArgs};
pub use registry::{Registered, load_tables};
pub use remove::{RemoveTableArgs, ResyncArgs, expand_attached};
pub use sequence::{AddSeqArgs, RemoveSeqArgs};
pub use wait::WaitSyncArgs;

/// Tables and sequences.
#[derive(Subcommand, Debug)]
pub enum TableCommand {
    /// Add tables to the queue (on the root), or attach them here (on other nodes)
    ///
    /// On the root, triggers are put on the table: from then on its changes go into the queue. On other nodes the worker
    /// copies the rows and then replays the changes. Everything that can be refused is refused before the first
    /// change; each table is a transaction of its own.
    AddTable(Box<AddTableArgs>),
    /// Remove tables from the queue (on the root), or detach them here (on other nodes)
    ///
    /// The rows stay where they are.
    RemoveTable(RemoveTableArgs),
    /// List the tables that are attached here, with their state
    Tables(TablesArgs),
    /// List tables and sequences that could be added here
    Missing(ListArgs),
    /// Copy tables anew
    Resync(ResyncArgs),
    /// Wait until all tables are in sync
    WaitSync(WaitSyncArgs),
    /// List the events that could not be applied and were put aside; retry or drop them
    ///
    /// A retry applies each event on its own, in the order in which they came; one that fails again stays, and with it
    /// the later events of the same row. Exit status 1 when some stay.
    Parked(ParkedArgs),
    /// Show or set what the worker does with events that cannot be applied
    ///
    /// stop: it stands at the batch until the cause is repaired. park: it puts the event and the later ones of the same
    /// row aside, and goes on. Without POLICY the tables are listed, with their parked events and with the updates and
    /// deletes that found no row since the last copy.
    OnError(OnErrorArgs),
    /// Compare the structure of tables with the provider's
    ///
    /// Columns, types, keys, constraints, indexes and Londiste's triggers; nothing is changed. Exit status 1 when
    /// anything is different.
    Check(CheckArgs),
    /// List the foreign keys of attached tables: those in force and those that wait for a copy
    Fkeys(ListArgs),
    /// Add sequences to the queue (on the root), or attach them here (on other nodes)
    AddSeq(AddSeqArgs),
    /// Remove sequences from the queue (on the root), or detach them here (on other nodes)
    RemoveSeq(RemoveSeqArgs),
    /// List the sequences that the queue has
    Seqs(ListArgs),
}

impl TableCommand {
    pub(super) fn lock_suffix(&self) -> Option<String> {
        matches!(
            self,
            Self::AddTable(_) | Self::RemoveTable(_) | Self::Resync(_) | Self::AddSeq(_) | Self::RemoveSeq(_)
        )
        .then(|| ".admin".to_owned())
    }

    pub(super) async fn run(self, context: Context) -> Result<u8> {
        match self {
            Self::AddTable(args) => add::add_table(context, *args).await,
            Self::RemoveTable(args) => remove::remove_table(context, args).await,
            Self::Tables(args) => list::tables(context, args).await,
            Self::Missing(args) => list::missing(context, args).await,
            Self::Resync(args) => remove::resync(context, args).await,
            Self::WaitSync(args) => wait::wait_sync(context, args).await,
            Self::Parked(args) => parked::parked(context, args).await,
            Self::OnError(args) => parked::on_error(context, args).await,
            Self::Check(args) => check::check(context, args).await,
            Self::Fkeys(args) => list::fkeys(context, args).await,
            Self::AddSeq(args) => sequence::add_seq(context, args).await,
            Self::RemoveSeq(args) => sequence::remove_seq(context, args).await,
            Self::Seqs(args) => list::seqs(context, args).await,
        }
    }
}
