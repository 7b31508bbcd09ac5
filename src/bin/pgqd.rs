//! pgqd: ticker and maintenance of PgQ queues.

fn main() -> std::process::ExitCode {
    londiste::ticker::program::main()
}
