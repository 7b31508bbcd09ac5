//! One run of the program: from the argument vector to the exit status.
//!
//! The order matters: everything that can be refused is refused before the process goes to the background, and it goes
//! there before the runtime starts its threads.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{CommandFactory, FromArgMatches};
use nix::sys::signal::Signal;
use tracing::warn;

use super::argv::{self, Plan};
use super::ui::Ui;
use super::{Cli, Command, Context, Global, VERSION, help};
use crate::config::londiste::{LondisteConfig, sample};
use crate::config::search::find_ini;
use crate::daemon::logging::{self, LogSettings};
use crate::daemon::pidfile::{PidFile, PidState, STALE, Sent, load_state, signal_pid};
use crate::daemon::{background, signals};
use crate::error::{Error, ErrorKind, Result};
use crate::pg::{mask_passwords, wait_closed};
use crate::service::stop::StopSignal;

/// How long connections may take to close at the end.
const CLOSE_LIMIT: Duration = Duration::from_millis(500);
/// And how long when statements in flight have to be cancelled.
const CANCEL_LIMIT: Duration = Duration::from_secs(3);
/// How long `-s` and `-k` wait for the process to end.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// How long a command may take to put things back in order after a signal.
const COMMAND_GRACE: Duration = Duration::from_secs(1);

/// Runs the program with `args`, the program's name first.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let ui = Ui::new(false);
    match run(args.into_iter().skip(1)) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            ui.error(&error);
            ExitCode::from(error.kind().exit_status())
        }
    }
}

fn run(args: impl Iterator<Item = OsString>) -> Result<u8> {
    let definition = Cli::command();
    let plan = argv::plan(&definition, args, |name| Path::new(name).is_file())?;
    let ui = Ui::new(false);
    if plan.has_flag(&["-V", "--version"]) {
        ui.line(VERSION);
        return Ok(0);
    }
    if plan.command.is_none() && plan.has_flag(&["-h"]) {
        ui.print(help::short());
        return Ok(0);
    }
    if !plan.has_flag(&["-h", "--help"]) {
        argv::check_count(&definition, &plan)?;
    }
    let cli = match definition
        .try_get_matches_from(&plan.argv)
        .and_then(|m| Cli::from_arg_matches(&m))
    {
        Ok(cli) => cli,
        Err(error) => {
            // Help goes to standard output, refusals to standard error; a closed pipe is nobody's fault.
            let _ = error.print();
            return Ok(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let global = cli.global;
    if global.ini {
        ui.print(sample(&global.set));
        return Ok(0);
    }
    if let Some(signal) = wanted_signal(&global) {
        return send_signal(&load_config(&global)?, signal);
    }
    let Some(command) = cli.command else {
        return Err(missing_command(&plan));
    };
    if global.daemon && !command.may_be_daemon() {
        return Err(Error::usage("only worker and copy can go to the background (-d)"));
    }
    start(global, command)
}

/// Prepares the process for `command` and runs it.
fn start(global: Global, command: Command) -> Result<u8> {
    // Set-up commands use the job file only if one is named.
    let config = if command.needs_config() || global.config.is_some() {
        Some(load_config(&global)?)
    } else {
        None
    };
    let mut pidfile = acquire_pidfile(&global, &command, config.as_ref())?;
    if global.daemon {
        background::daemonize()?;
        if let Some(pidfile) = &mut pidfile {
            pidfile.refresh()?;
        }
    }
    set_up_log(&global, config.as_ref())?;
    for warning in config.iter().flat_map(|config| &config.warnings) {
        warn!("{warning}");
    }
    if pidfile.as_ref().is_some_and(PidFile::was_stale) {
        warn!("{STALE}");
    }
    let in_background = global.daemon;
    let one_shot = !command.may_be_daemon();
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| Error::new(ErrorKind::Io, format!("the runtime cannot be started: {error}")))?;
    let result = runtime.block_on(async {
        let signals = signals::listen()?;
        let context = Context {
            ui: Ui::new(global.quiet),
            global,
            stop: signals.stop.clone(),
            reload: signals.reload.clone(),
            config,
        };
        let result = tokio::select! {
            biased;
            result = command.run(context) => result,
            // The dropped command closes its connections, which rolls back what it had begun.
            () = overdue(&signals.stop), if one_shot => Err(Error::interrupted()),
        };
        // What an interrupted command had in flight must be cancelled, or its locks outlive it.
        let stopped = one_shot && signals.stop.is_stopped();
        wait_closed(if stopped { CANCEL_LIMIT } else { CLOSE_LIMIT }).await;
        result.map_err(explain_rights)
    });
    // Tasks that are left belong to connections; they close by themselves or with the process.
    runtime.shutdown_timeout(std::time::Duration::from_millis(500));
    drop(pidfile);
    if let Err(error) = &result
        && in_background
    {
        // Standard error leads nowhere now.
        tracing::error!("{}", error.line());
    }
    result
}

/// A bare "permission denied" helps nobody: says which roles the commands need.
fn explain_rights(error: Error) -> Error {
    if error.sqlstate() != Some("42501") || !error.hints().is_empty() {
        return error;
    }
    error
        .with_hint("this needs a role of its own: pgq_reader and londiste_reader to look, pgq_admin (and londiste_writer) to change things")
        .with_hint("an owner of the database gives it: grant pgq_admin, londiste_writer to ROLE")
}

/// Returns when a command that was asked to stop has not found an end of its own: it waits for an answer of a server.
async fn overdue(stop: &StopSignal) {
    stop.wait().await;
    tokio::time::sleep(COMMAND_GRACE).await;
}

fn load_config(global: &Global) -> Result<LondisteConfig> {
    let path: PathBuf = find_ini(global.config.as_deref())?;
    LondisteConfig::load(&path, &global.set)
}

fn acquire_pidfile(
    global: &Global,
    command: &Command,
    config: Option<&LondisteConfig>,
) -> Result<Option<PidFile>> {
    let (Some(suffix), Some(config)) = (command.lock_suffix(), config) else {
        return Ok(None);
    };
    let Some(path) = &config.pidfile else {
        if global.daemon {
            return Err(
                Error::config(format!("{}: key \"pidfile\" is missing", config.path.display()))
                    .with_hint("a process in the background needs it, so that -s, -k and -r find it"),
            );
        }
        return Ok(None);
    };
    let mut name = path.as_os_str().to_owned();
    name.push(OsStr::new(&suffix));
    PidFile::acquire(Path::new(&name)).map(Some)
}

fn set_up_log(global: &Global, config: Option<&LondisteConfig>) -> Result<()> {
    let verbosity = if global.quiet {
        -1
    } else {
        i8::try_from(global.verbose).unwrap_or(i8::MAX)
    };
    logging::set_mask(mask_passwords);
    let settings = match config {
        Some(config) => LogSettings::for_londiste(config, verbosity, !global.daemon)?,
        None => LogSettings::console(verbosity),
    };
    logging::setup(settings)?;
    Ok(())
}

fn wanted_signal(global: &Global) -> Option<Signal> {
    if global.reload {
        Some(Signal::SIGHUP)
    } else if global.stop {
        Some(Signal::SIGINT)
    } else if global.kill {
        Some(Signal::SIGTERM)
    } else {
        None
    }
}

/// Ancestor: always the worker's pid file, and a missing process is a warning with exit status 0.
fn send_signal(config: &LondisteConfig, signal: Signal) -> Result<u8> {
    let Some(path) = &config.pidfile else {
        eprintln!("warning: no pidfile in {}", config.path.display());
        return Ok(0);
    };
    match signal_pid(path, signal)? {
        Sent::To(pid) => {
            eprintln!("{} sent to process {pid}", signal.as_str());
            if signal != Signal::SIGHUP {
                wait_end(path, pid)?;
            }
        }
        Sent::NoFile => eprintln!(
            "warning: pidfile {} does not exist, nothing is running",
            path.display()
        ),
        Sent::NotRunning => eprintln!("warning: pidfile {} names no running process", path.display()),
    }
    Ok(0)
}

/// Waits until a process that was told to stop has given up its pid file, so that the next command may start another.
///
/// Ancestor: does not wait, and a worker that is started at once finds the pid file taken.
fn wait_end(path: &Path, pid: i32) -> Result<()> {
    let start = Instant::now();
    while load_state(path)? == PidState::Alive(pid) {
        if start.elapsed() > STOP_LIMIT {
            eprintln!("hint: process {pid} still finishes what it has in hand; it ends by itself");
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn missing_command(plan: &Plan) -> Error {
    match &plan.ini {
        // One word that is neither a file nor a command is more likely a slip in a command.
        Some(word) if !Path::new(word).is_file() && !word.to_string_lossy().ends_with(".ini") => {
            let definition = Cli::command();
            argv::unknown(
                definition.get_subcommands().map(clap::Command::get_name),
                &word.to_string_lossy(),
            )
        }
        _ => Error::new(ErrorKind::NotFound, "need command").with_hint("\"londiste -h\" lists the commands"),
    }
}
