//! Reading a queue from a program of one's own.
//!
//! A [`Consumer`] is made from [`Settings`] and runs a [`Handler`], which gets each batch as [`Work`]: its events, and
//! where the work is kept in a database the transaction that it belongs to. What is promised depends on where that is
//! ([`Settings::work_in`], [`Settings::work_here`]):
//!
//! | work is kept | each event's work is done | position |
//! | --- | --- | --- |
//! | anywhere (neither is called) | at least once: a batch that was not finished comes again whole | on the queue, after the handler |
//! | in another database | exactly once | there, in schema `pgq_ext`, in the transaction of the work |
//! | in the queue's own database | exactly once | on the queue, in the transaction of the work |
//!
//! ```text
//! queue's database   next_batch ──── events ────────────────────────────── retries, finish_batch
//! work's database              begin, lock, seen before? handler, position, retries, commit ┘
//! ```
//!
//! If the process dies before the commit nothing has happened and the batch comes again; after it the position says that
//! the batch is done, and only the finish is made up for. Events that are to come again ([`Work::retry`]) or are given
//! up ([`Work::give_up`]) are kept with the work until the queue has them, so these come exactly once, too.
//!
//! Several processes may share the batches of one consumer ([`Settings::member`], schema `pgq_coop`): each batch goes to
//! one of them, and that of a dead one to another. The order between batches is lost then.
//!
//! [`Consumer::run`] waits for the ticker's notifications and polls beside (the ancestor's ticker is silent), connects
//! again with growing pauses, and on a graceful stop ends after the batch in hand.
//!
//! ```no_run
//! use londiste::client::{Consumer, Handler, Settings, Work};
//! use londiste::error::Result;
//! use londiste::service::stop::stop_pair;
//!
//! struct Totals;
//!
//! impl Handler for Totals {
//!     async fn batch(&mut self, work: &mut Work<'_>) -> Result<()> {
//!         while let Some(event) = work.next_event().await? {
//!             let amount: i64 = event.data.as_deref().unwrap_or("0").parse().unwrap_or(0);
//!             work.transaction()?
//!                 .execute("update total set amount = amount + $1", &[&amount])
//!                 .await?;
//!         }
//!         Ok(())
//!     }
//! }
//!
//! # async fn run() -> Result<()> {
//! let consumer = Consumer::new(
//!     Settings::new("dbname=shop", "sales", "totals")
//!         .work_in("dbname=mart")
//!         .register(true),
//! )?;
//! let (_stopper, stop) = stop_pair();
//! consumer.run(&mut Totals, &stop).await?;
//! # Ok(())
//! # }
//! ```
//! Failures that are tried again, lost connections for instance, are told through the crate `tracing`: a program that wants
//! to see them sets up a subscriber.
//!
//! `examples/queue_totals.rs`, `examples/queue_mail.rs` and `examples/queue_drain.rs` are whole programs.

mod connection;
mod keeper;
mod run;
mod settings;
mod work;

pub use run::{Consumer, Handler};
pub use settings::Settings;
pub use work::Work;
