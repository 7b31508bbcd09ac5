//! temporary
use londiste::{config::londiste::LondisteConfig, daemon, worker};
#[tokio::main]
async fn main() {
    let path = std::env::args().nth(1).unwrap();
    let config = LondisteConfig::load(std::path::Path::new(&path), &[]).unwrap();
    let settings = daemon::logging::LogSettings::for_londiste(&config, 1, true).unwrap();
    let _log = daemon::logging::setup(settings).unwrap();
    let s = daemon::signals::listen().unwrap();
    if let Err(e) = worker::run(config, worker::WorkerOptions::default(), s.stop, s.reload).await {
        eprintln!("{}", e.report());
    }
}
