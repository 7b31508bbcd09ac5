//! Reads and plans the next slices of a batch while one is being applied.
//!
//! ```text
//! server ── COPY ──► read lines, split ──► plan (another thread) ──► channel ──► the one who applies
//! ```
//! One slice is read, one is planned, one is applied: that bounds the memory, whatever the batch's size is. When the receiver is dropped, reading ends.

use std::sync::{Arc, RwLock};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::plan::{Plan, Routes, plan};
use crate::error::{Error, Result};
use crate::pgq::{EventSlice, EventStream};

/// A slice takes this part of the memory that replay may use: up to five are alive with those in the channels, some of
/// them planned, and a plan has its values once more.
const SLICES_IN_MEMORY: usize = 16;
/// More would not make anything faster.
const LARGEST_SLICE: usize = 8 << 20;
const SMALLEST_SLICE: usize = 4 << 10;
/// A plan of fewer events is made at once: waking another thread takes longer.
const SMALL: usize = 300;

/// The routes, as the one who applies has them at the moment.
#[derive(Clone, Default)]
pub struct SharedRoutes(Arc<RwLock<Arc<Routes>>>);

impl SharedRoutes {
    /// The routes of this moment.
    pub fn get(&self) -> Arc<Routes> {
        self.0
            .read()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .clone()
    }

    /// Replaces them.
    pub fn set(&self, routes: Arc<Routes>) {
        *self.0.write().unwrap_or_else(|poisoned| poisoned.into_inner()) = routes;
    }
}

/// Makes something else of a slice, on the thread that plans it.
pub type Encode = fn(&EventSlice) -> Option<Bytes>;

/// A slice with its plan.
pub struct Planned {
    /// The events.
    pub slice: Arc<EventSlice>,
    /// What to do with them.
    pub plan: Plan,
    /// What [`Ahead::start`] was asked to make of them.
    pub encoded: Option<Bytes>,
}

impl Planned {
    /// Plans `slice` from `from` on, on another thread if it is large.
    pub async fn new(slice: Arc<EventSlice>, from: usize, routes: Arc<Routes>) -> Result<Self> {
        Self::encoded(slice, from, routes, None).await
    }

    async fn encoded(
        slice: Arc<EventSlice>,
        from: usize,
        routes: Arc<Routes>,
        encode: Option<Encode>,
    ) -> Result<Self> {
        let is_small = slice.len() - from <= SMALL;
        let make = move || {
            let plan = plan(&slice, from, &routes);
            let encoded = encode.and_then(|encode| encode(&slice));
            Self { slice, plan, encoded }
        };
        if is_small {
            return Ok(make());
        }
        tokio::task::spawn_blocking(make)
            .await
            .map_err(|error| Error::internal(format!("planning a slice of events failed: {error}")))
    }
}

/// The slices of a batch, in order.
pub struct Ahead {
    receiver: mpsc::Receiver<Result<Planned>>,
    _reading: AbortOnDropHandle<()>,
}

impl Ahead {
    /// Begins to read `stream`; everything together takes about `memory` bytes at most. `encode` makes something of each
    /// slice beside its plan.
    pub fn start(stream: EventStream, routes: SharedRoutes, memory: u64, encode: Option<Encode>) -> Self {
        let bytes = usize::try_from(memory).unwrap_or(usize::MAX) / SLICES_IN_MEMORY;
        let bytes = bytes.clamp(SMALLEST_SLICE, LARGEST_SLICE);
        let (raw_sender, mut raw) = mpsc::channel(1);
        let (sender, receiver) = mpsc::channel(1);
        let reading = tokio::spawn(async move {
            let read = read(stream, bytes, raw_sender);
            let plan = async move {
                // A place in the channel comes first, so that nothing is made that has to wait for one.
                while let Ok(place) = sender.reserve().await
                    && let Some(slice) = raw.recv().await
                {
                    place.send(match slice {
                        Ok(slice) => Planned::encoded(Arc::new(slice), 0, routes.get(), encode).await,
                        Err(error) => Err(error),
                    });
                }
            };
            // Side by side in one task: a slice is read while the one before it is planned elsewhere.
            futures::join!(read, plan);
        });
        Self {
            receiver,
            _reading: AbortOnDropHandle::new(reading),
        }
    }

    /// The next slice; nothing after the last one.
    pub async fn next(&mut self) -> Result<Option<Planned>> {
        self.receiver.recv().await.transpose()
    }
}

async fn read(mut stream: EventStream, bytes: usize, sender: mpsc::Sender<Result<EventSlice>>) {
    while let Ok(place) = sender.reserve().await {
        match stream.next_slice(bytes).await {
            Ok(None) => return,
            Ok(Some(slice)) => place.send(Ok(slice)),
            Err(error) => {
                place.send(Err(error));
                return;
            }
        }
    }
}
