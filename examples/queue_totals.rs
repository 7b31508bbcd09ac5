//! Adds up sales per customer, each exactly once, in another database than the queue's.
//!
//! Events of type `sale` carry `customer=7&amount=30`. A sale of a customer that is not known yet is tried again after a
//! second, three times; then it is put aside (`londiste queue dead`).
//!
//! `queue_totals SOURCE TARGET QUEUE CONSUMER [MEMBER]`; with a MEMBER several of them share the work. The target has
//! `create table customer (id int primary key, total bigint not null default 0)` and schema pgq_ext (`londiste install
//! --only=pgq_ext TARGET`).

use std::process::ExitCode;
use std::time::Duration;

use londiste::client::{Consumer, Handler, Settings, Work};
use londiste::daemon::signals;
use londiste::error::{Error, Result};
use londiste::pgq::urldict;

struct Totals;

impl Handler for Totals {
    async fn batch(&mut self, work: &mut Work<'_>) -> Result<()> {
        while let Some(event) = work.next_event().await? {
            let data = event.data.as_deref().unwrap_or("");
            let Some((customer, amount)) = read(data) else {
                work.give_up(&event, "cannot be read")?;
                continue;
            };
            let found = work
                .transaction()?
                .execute(
                    "update customer set total = total + $2 where id = $1",
                    &[&customer, &amount],
                )
                .await?;
            if found == 0 {
                work.retry(&event, Duration::from_secs(1))?;
            }
        }
        Ok(())
    }
}

fn read(data: &str) -> Option<(i32, i64)> {
    let fields = urldict::decode(data).ok()?;
    let field = |name| {
        fields
            .iter()
            .find(|(n, _)| n == name)
            .and_then(|(_, value)| value.as_deref())
    };
    Some((field("customer")?.parse().ok()?, field("amount")?.parse().ok()?))
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
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", error.report());
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (source, target, queue, consumer) = match args.as_slice() {
        [source, target, queue, consumer] | [source, target, queue, consumer, _] => {
            (source, target, queue, consumer)
        }
        _ => {
            return Err(Error::usage("queue_totals SOURCE TARGET QUEUE CONSUMER [MEMBER]"));
        }
    };
    let mut settings = Settings::new(source, queue, consumer)
        .work_in(target)
        .filter("ev_type = 'sale'")
        .retry_limit(3)
        .register(true);
    if let Some(member) = args.get(4) {
        settings = settings.member(member).dead_after(Duration::from_secs(2));
    }
    // Ends after the batch in hand on SIGINT, at once on SIGTERM.
    let signals = signals::listen()?;
    Consumer::new(settings)?.run(&mut Totals, &signals.stop).await
}
