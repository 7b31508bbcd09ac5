//! Reads everything that waits in a queue, does nothing with it, and tells how fast that went.
//!
//! `queue_drain SOURCE QUEUE CONSUMER` registers the consumer where it lacks, and ends at the newest tick. With a fourth
//! word `follow` it goes on with what comes, until it is interrupted.

use std::process::ExitCode;
use std::time::Instant;

use londiste::client::{Consumer, Handler, Settings, Work};
use londiste::daemon::signals;
use londiste::error::{Error, Result};
use londiste::service::stop::StopSignal;

#[derive(Default)]
struct Drain {
    batches: u64,
    events: u64,
    bytes: usize,
}

impl Handler for Drain {
    async fn batch(&mut self, work: &mut Work<'_>) -> Result<()> {
        self.batches += 1;
        while let Some(event) = work.next_event().await? {
            self.events += 1;
            self.bytes += event.data.map_or(0, |data| data.len());
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    // What goes wrong is tried again, and told here.
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        .init();
    match run().await {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{}", error.report());
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<String> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (source, queue, consumer, follows) = match args.as_slice() {
        [source, queue, consumer] => (source, queue, consumer, false),
        [source, queue, consumer, word] if word == "follow" => (source, queue, consumer, true),
        _ => return Err(Error::usage("queue_drain SOURCE QUEUE CONSUMER [follow]")),
    };
    let consumer = Consumer::new(Settings::new(source, queue, consumer).register(true))?;
    let mut drain = Drain::default();
    let start = Instant::now();
    if follows {
        // Ends after the batch in hand on SIGINT, at once on SIGTERM.
        let signals = signals::listen()?;
        consumer.run(&mut drain, &signals.stop).await?;
    } else {
        consumer.run_to_end(&mut drain, &StopSignal::never()).await?;
    }
    let seconds = start.elapsed().as_secs_f64();
    let Drain {
        batches,
        events,
        bytes,
    } = drain;
    let rate = events as f64 / seconds;
    Ok(format!(
        "{events} events, {bytes} bytes of data, {batches} batches in {seconds:.2} s: {rate:.0} events/s"
    ))
}
