//! The process: pid file, signals, background mode, log set-up.
//!
//! Nothing here knows about queues or tables. A program calls, in this order: load its settings,
//! [`pidfile::PidFile::acquire`], [`background::daemonize`] with [`pidfile::PidFile::refresh`], [`logging::setup`],
//! start the runtime, [`signals::listen`].

pub mod background;
pub mod logfile;
pub mod logformat;
pub mod logging;
pub mod pidfile;
pub mod signals;
pub mod syslog;
