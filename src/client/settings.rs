//! What a consumer needs to know.

use std::time::Duration;

use crate::pgq::BatchLimits;

/// Where to read, and how. Every method takes the settings and gives them back.
#[derive(Debug, Clone)]
pub struct Settings {
    pub(super) source: String,
    pub(super) queue: String,
    pub(super) consumer: String,
    pub(super) keep: Keep,
    pub(super) member: Option<String>,
    pub(super) dead_after: Option<Duration>,
    pub(super) register: bool,
    pub(super) limits: BatchLimits,
    pub(super) filter: Option<String>,
    pub(super) retry_limit: Option<u32>,
    pub(super) poll: Duration,
    pub(super) longest_pause: Duration,
    pub(super) most_failures: Option<u32>,
}

/// Where the work is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Keep {
    /// Somewhere else.
    Anywhere,
    /// In the queue's database.
    Here,
    /// In the database of this connect string.
    In(String),
}

impl Settings {
    /// `source` is the connect string of the queue's database; what it leaves open comes from the PG* environment.
    pub fn new(source: impl Into<String>, queue: impl Into<String>, consumer: impl Into<String>) -> Self {
        Self {
            source: source.into(),
            queue: queue.into(),
            consumer: consumer.into(),
            keep: Keep::Anywhere,
            member: None,
            dead_after: None,
            register: false,
            limits: BatchLimits::default(),
            filter: None,
            retry_limit: None,
            poll: Duration::from_secs(1),
            longest_pause: Duration::from_secs(20),
            most_failures: None,
        }
    }

    /// The work is kept in another database: each batch is one transaction there, with the position in schema `pgq_ext`
    /// under the consumer's name. Exactly once.
    #[must_use]
    pub fn work_in(mut self, connstr: impl Into<String>) -> Self {
        self.keep = Keep::In(connstr.into());
        self
    }

    /// The work is kept in the queue's database: each batch is finished in the transaction of its work. Exactly once.
    #[must_use]
    pub fn work_here(mut self) -> Self {
        self.keep = Keep::Here;
        self
    }

    /// Reads as a member of a cooperative consumer; names of members are free, but each is used by one process at a time.
    #[must_use]
    pub fn member(mut self, name: impl Into<String>) -> Self {
        self.member = Some(name.into());
        self
    }

    /// A member that was not heard of for so long is dead, and its batch goes to another one. Members are heard of when
    /// they ask for a batch, so this must be longer than the work of a batch takes. Default: never.
    #[must_use]
    pub fn dead_after(mut self, time: Duration) -> Self {
        self.dead_after = Some(time);
        self
    }

    /// Subscribes the consumer if it is not: at the stored position where there is one, else at the newest tick. A consumer
    /// that was detached is never subscribed anew: that would hide what it lost. Default: off.
    #[must_use]
    pub fn register(mut self, register: bool) -> Self {
        self.register = register;
        self
    }

    /// Size of batches; `join_events` has no effect for members. Default: tick after tick.
    #[must_use]
    pub fn limits(mut self, limits: BatchLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Only events that fulfil an SQL condition on the event columns, for instance `ev_type = 'sale'`. It is raw SQL: never
    /// make it from foreign text.
    #[must_use]
    pub fn filter(mut self, condition: impl Into<String>) -> Self {
        self.filter = Some(condition.into());
        self
    }

    /// After so many retries [`Work::retry`] gives the event up. Default: never.
    #[must_use]
    pub fn retry_limit(mut self, count: u32) -> Self {
        self.retry_limit = Some(count);
        self
    }

    /// How often to look when no notification comes. Default: each second.
    #[must_use]
    pub fn poll(mut self, period: Duration) -> Self {
        self.poll = period;
        self
    }

    /// Pauses after failures double from a quarter of a second up to this. Default: 20 seconds.
    #[must_use]
    pub fn longest_pause(mut self, pause: Duration) -> Self {
        self.longest_pause = pause;
        self
    }

    /// [`super::Consumer::run`] returns the error after so many failures in a row. Default: it tries for ever.
    #[must_use]
    pub fn most_failures(mut self, count: u32) -> Self {
        self.most_failures = Some(count);
        self
    }
}
