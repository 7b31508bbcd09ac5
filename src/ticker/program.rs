//! The program pgqd: command line, process, log, signals. The work is the [`Fleet`]'s.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use nix::sys::signal::Signal;

use super::args::Args;
use super::fleet::{Fleet, connect_string};
use super::stats::Stats;
use crate::config::pgqd::{PgqdConfig, sample};
use crate::daemon::logging::{self, Log, LogSettings};
use crate::daemon::pidfile::{PidFile, Sent, signal_pid};
use crate::daemon::{background, signals};
use crate::error::{Error, ErrorKind, Result};
use crate::service::stop::StopLevel;

/// The version that users and scripts of the ancestor know, and our own.
const VERSION: &str = concat!("3.5 (londiste ", env!("CARGO_PKG_VERSION"), ")");

/// Runs pgqd with the command line of this process.
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Help goes to standard output, complaints to standard error; a closed pipe cannot be told anybody.
            let _ = error.print();
            return ExitCode::from(u8::from(error.use_stderr()));
        }
    };
    if args.version {
        println!("pgqd version {VERSION}");
        return ExitCode::SUCCESS;
    }
    if args.ini {
        print!("{}", sample());
        return ExitCode::SUCCESS;
    }
    match run(&args) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("{}", error.report());
            ExitCode::from(1)
        }
    }
}

fn run(args: &Args) -> Result<u8> {
    let Some(path) = &args.config else {
        // Ancestor: these words, and status 1.
        eprintln!("pgqd requires config file");
        eprintln!("hint: pgqd --ini prints a sample, packages put it at /etc/pgqd.ini");
        return Ok(1);
    };
    let config = PgqdConfig::load(path)?;
    if let Some(signal) = signal_of(args) {
        return send_signal(&config, signal);
    }
    // What can be refused is refused before the process leaves the terminal.
    connect_string(&config, &config.initial_database)?;
    let mut pidfile = match (&config.pidfile, args.daemon) {
        (None, true) => {
            return Err(Error::config("daemon needs pidfile configured")
                .with_hint("set \"pidfile\" in section [pgqd], or leave -d out"));
        }
        (None, false) => None,
        (Some(path), _) => Some(PidFile::acquire(path).map_err(|error| {
            match error.kind() {
                ErrorKind::Busy => Error::new(ErrorKind::Busy, "pidfile exists, another instance running?")
                    .with_detail(error.detail().unwrap_or_default())
                    .with_hint("pgqd -s stops that process, pgqd -r lets it read its settings anew"),
                _ => error,
            }
        })?),
    };
    let stale = pidfile.as_ref().is_some_and(PidFile::was_stale);
    let verbosity = if args.quiet {
        -1
    } else {
        i8::try_from(args.verbose).unwrap_or(i8::MAX)
    };
    let settings = LogSettings::for_pgqd(&config, verbosity, !args.daemon);
    if args.daemon {
        if config.logfile.is_none() && !config.syslog {
            return Err(Error::config("daemon needs logging configured")
                .with_hint("set \"logfile\", or \"syslog = 1\", in section [pgqd]"));
        }
        // Opens the log once to refuse while somebody can read the refusal.
        drop(Log::new(settings.clone())?);
        background::daemonize()?;
        if let Some(pidfile) = &mut pidfile {
            pidfile.refresh()?;
        }
    }
    let log = logging::setup(settings)?;
    if stale {
        tracing::info!("stale pidfile, removing");
    }
    // One thread: the work is waiting, and a hundred databases wait as well on one as on many.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let ended = runtime.block_on(async {
        if let Some(place) = &args.metrics_listen {
            crate::metrics::listen(place)?;
        }
        serve(config, &log).await
    });
    if let Err(error) = &ended
        && args.daemon
    {
        tracing::error!(fatal = true, "{}", error.line());
    }
    drop(pidfile);
    ended
}

fn signal_of(args: &Args) -> Option<Signal> {
    match (args.stop, args.kill, args.reload) {
        (true, _, _) => Some(Signal::SIGINT),
        (_, true, _) => Some(Signal::SIGTERM),
        (_, _, true) => Some(Signal::SIGHUP),
        _ => None,
    }
}

/// Ancestor: the words and the status are its own, so that scripts that read them go on working.
fn send_signal(config: &PgqdConfig, signal: Signal) -> Result<u8> {
    let Some(path) = &config.pidfile else {
        eprintln!("No pidfile configured");
        return Ok(1);
    };
    match signal_pid(path, signal)? {
        Sent::To(_) => eprintln!("{signal} sent"),
        Sent::NoFile | Sent::NotRunning => eprintln!("Old process is not running"),
    }
    Ok(0)
}

/// Serves until a signal ends it; returns the exit status.
async fn serve(mut config: PgqdConfig, log: &Log) -> Result<u8> {
    let mut signals = signals::listen()?;
    let stop = signals.stop.clone();
    tracing::info!("Starting pgqd {VERSION}");
    if config.database_list.is_empty() {
        tracing::info!("auto-detecting dbs ...");
    }
    let stats = Arc::new(Stats::default());
    let mut fleet = Fleet::new(config.clone(), stats.clone())?;
    let recheck = fleet.recheck();
    let mut next_check = tokio::time::Instant::now();
    let mut last_stats = tokio::time::Instant::now();
    loop {
        tokio::select! {
            () = stop.wait() => break,
            () = signals.reload.requested() => {
                match config.reload() {
                    Ok(new) => {
                        reopen_log(log, &new);
                        match fleet.reload(new.clone()) {
                            Ok(()) => config = new,
                            Err(error) => complain(&error),
                        }
                        next_check = tokio::time::Instant::now();
                    }
                    Err(error) => complain(&error),
                }
            }
            () = tokio::time::sleep_until(last_stats + config.stats_period), if !config.stats_period.is_zero() => {
                tracing::info!("{}", stats.take());
                last_stats = tokio::time::Instant::now();
            }
            () = recheck.notified() => next_check = tokio::time::Instant::now(),
            () = tokio::time::sleep_until(next_check) => match fleet.run_once(&stop).await {
                Ok(pause) => next_check = tokio::time::Instant::now() + pause,
                Err(error) if error.is_interrupted() => break,
                Err(error) => return Err(error),
            },
        }
    }
    let level = stop.level();
    let stoppers = fleet.stoppers();
    tokio::select! {
        () = fleet.stop(level) => {}
        () = async {
            stop.wait_for(StopLevel::Fast).await;
            for stopper in &stoppers {
                stopper.stop(StopLevel::Fast);
            }
            std::future::pending::<()>().await;
        } => {}
    }
    Ok(signals.exit_status())
}

/// Opens the log file anew, at its new place if it has one.
fn reopen_log(log: &Log, config: &PgqdConfig) {
    let reopened = match &config.logfile {
        Some(path) => log.move_to(path),
        None => log.reopen(),
    };
    if let Err(error) = reopened {
        tracing::error!("{}", error.line());
    }
}

fn complain(error: &Error) {
    tracing::error!("{}", error.line());
    tracing::error!("the settings were not read, the old ones stay in force");
}
