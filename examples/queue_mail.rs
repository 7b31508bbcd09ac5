//! Sends a mail for each event, at least once: work that no database can take back.
//!
//! The event's data is the address. Here a mail is a line on standard output, and an address without `@` is a server that
//! does not answer: it is tried again after a second, twice, and then put aside (`londiste queue dead`).
//!
//! `queue_mail SOURCE QUEUE CONSUMER` sends what is there and ends, as a job of cron would.

use std::process::ExitCode;
use std::time::Duration;

use londiste::client::{Consumer, Handler, Settings, Work};
use londiste::error::{Error, Result};
use londiste::service::stop::StopSignal;

struct Mailer {
    sent: u64,
}

impl Handler for Mailer {
    async fn batch(&mut self, work: &mut Work<'_>) -> Result<()> {
        while let Some(event) = work.next_event().await? {
            let address = event.data.as_deref().unwrap_or("");
            if address.contains('@') {
                println!("to {address}: {}", event.kind());
                self.sent += 1;
            } else if work.retry(&event, Duration::from_secs(1))? {
                println!("{address:?} does not answer, trying again");
            } else {
                println!("{address:?} does not answer, giving up");
            }
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(sent) => {
            println!("{sent} sent");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{}", error.report());
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<u64> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [source, queue, consumer] = args.as_slice() else {
        return Err(Error::usage("queue_mail SOURCE QUEUE CONSUMER"));
    };
    let settings = Settings::new(source, queue, consumer)
        .retry_limit(2)
        .register(true);
    let mut mailer = Mailer { sent: 0 };
    Consumer::new(settings)?
        .run_to_end(&mut mailer, &StopSignal::never())
        .await?;
    Ok(mailer.sent)
}
