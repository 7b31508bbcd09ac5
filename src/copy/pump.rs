//! Rows from a COPY on one server into a COPY on another, as the server packed them: nothing is decoded.

use bytes::{Bytes, BytesMut};
use futures::{SinkExt, StreamExt};
use tokio_postgres::Client;

use super::advice::{End, explain};
use super::progress::Progress;
use super::side::Format;
use crate::error::Result;

/// Bytes that go to the local server in one message.
const PACKET: usize = 256 << 10;

/// One way from source to sink.
pub struct Route<'a> {
    /// Connection to the source.
    pub source: &'a Client,
    /// Its name, for messages.
    pub node: &'a str,
    /// The table's name there, for messages.
    pub from: &'a str,
    /// COPY ... TO STDOUT.
    pub read: &'a str,
    /// Connection to this node.
    pub local: &'a Client,
    /// The table's name here, for messages.
    pub dest: &'a str,
    /// COPY ... FROM STDIN.
    pub write: &'a str,
    /// The format of both.
    pub format: Format,
}

/// Moves all rows; returns their number. Both servers take their part at the same time: while one packet is written the
/// next one is read.
pub async fn pump(route: &Route<'_>, progress: &Progress) -> Result<u64> {
    let source = End::Source(route.node);
    let reading = |error| explain(error, source, route.from);
    let writing = |error| explain(error, End::Here, route.dest);
    let reader = route.source.copy_out(route.read).await.map_err(reading)?;
    futures::pin_mut!(reader);
    let writer = route
        .local
        .copy_in::<_, Bytes>(route.write)
        .await
        .map_err(writing)?;
    futures::pin_mut!(writer);
    let mut packet = BytesMut::with_capacity(PACKET + PACKET / 4);
    let mut rows = 0;
    let mut told = 0;
    while let Some(chunk) = reader.next().await {
        // One chunk is one row of the server.
        packet.extend_from_slice(&chunk.map_err(reading)?);
        rows += 1;
        if packet.len() >= PACKET {
            progress.add(packet.len() as u64, rows - told);
            told = rows;
            let full = std::mem::replace(&mut packet, BytesMut::with_capacity(PACKET + PACKET / 4));
            writer.feed(full.freeze()).await.map_err(writing)?;
        }
    }
    // The end of the binary form is a chunk of its own.
    if route.format == Format::Binary && rows > told {
        rows -= 1;
    }
    progress.add(packet.len() as u64, rows - told);
    if !packet.is_empty() {
        writer.feed(packet.freeze()).await.map_err(writing)?;
    }
    writer.finish().await.map_err(writing)
}
