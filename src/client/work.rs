//! One batch in the hands of a handler.

use std::time::Duration;

use tokio_postgres::Transaction;

use crate::error::{Error, Result};
use crate::pgq::{Batch, Event, EventStream};

/// A batch, and the transaction that its work belongs to.
pub struct Work<'a> {
    pub(super) batch: &'a Batch,
    /// Nothing once the end was read: the driver must not be asked again.
    pub(super) stream: Option<EventStream>,
    pub(super) transaction: Option<Transaction<'a>>,
    pub(super) marks: Vec<Mark>,
    pub(super) retry_limit: Option<u32>,
    pub(super) can_bury: bool,
}

/// What becomes of one event beside being done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) event: i64,
    /// Seconds until it comes again; `None` when it is given up.
    pub(super) after: Option<i32>,
    pub(super) reason: Option<String>,
}

impl<'a> Work<'a> {
    /// Ids and times of the batch.
    pub fn batch(&self) -> &Batch {
        self.batch
    }

    /// The next event in the order of ids; `None` after the last one. Events that are not asked for count as done.
    pub async fn next_event(&mut self) -> Result<Option<Event>> {
        let Some(stream) = &mut self.stream else {
            return Ok(None);
        };
        let event = stream.next().await?;
        if event.is_none() {
            self.stream = None;
        }
        Ok(event)
    }

    /// All events that are left.
    pub async fn events(&mut self) -> Result<Vec<Event>> {
        let mut events = Vec::new();
        while let Some(event) = self.next_event().await? {
            events.push(event);
        }
        Ok(events)
    }

    /// The transaction of the work. It is committed after the handler; an error of the handler rolls it back.
    ///
    /// # Errors
    /// When the settings say nothing about where work is kept.
    pub fn transaction(&self) -> Result<&Transaction<'a>> {
        self.transaction.as_ref().ok_or_else(|| {
            Error::refused("this consumer has no transaction")
                .with_detail("its settings do not say where work is kept")
                .with_hint("use Settings::work_in or Settings::work_here")
        })
    }

    /// Asks for an event of this batch to come again, alone, after a pause (whole seconds, rounded up). Beyond the
    /// settings' limit of retries it is given up instead; tells whether it comes again.
    ///
    /// # Errors
    /// When it is to be given up and cannot, see [`Self::give_up`].
    pub fn retry(&mut self, event: &Event, after: Duration) -> Result<bool> {
        let tried = event
            .retry
            .and_then(|tried| u32::try_from(tried).ok())
            .unwrap_or(0);
        if let Some(limit) = self.retry_limit
            && tried >= limit
        {
            self.give_up(event, &format!("retried {tried} time(s)"))?;
            return Ok(false);
        }
        let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
        self.mark(Mark {
            event: event.id,
            after: Some(i32::try_from(seconds).unwrap_or(i32::MAX)),
            reason: None,
        });
        Ok(true)
    }

    /// Puts an event of this batch aside for good: `londiste queue dead` shows it and can give it back.
    ///
    /// # Errors
    /// When the queue's database has no place for it (schema `londiste_rs`).
    pub fn give_up(&mut self, event: &Event, reason: &str) -> Result<()> {
        if !self.can_bury {
            return Err(Error::refused(format!("event {} cannot be given up", event.id))
                .with_detail("the queue's database has no schema londiste_rs, or this role may not use it")
                .with_hint("install it with \"londiste install --only=londiste_rs CONNSTR\""));
        }
        self.mark(Mark {
            event: event.id,
            after: None,
            reason: Some(reason.to_owned()),
        });
        Ok(())
    }

    /// The last word about an event counts.
    fn mark(&mut self, mark: Mark) {
        self.marks.retain(|known| known.event != mark.event);
        self.marks.push(mark);
    }
}
