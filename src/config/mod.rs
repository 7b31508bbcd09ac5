//! Job files become typed settings.
//!
//! A job file is the ancestor's ini file, read with the ancestor's rules ([`ini`]); one service section of it is a
//! [`job::Job`], from which the programs take typed values. Each program has one table of keys ([`key::Key`]) that
//! the sample file, the check for unknown keys and the manual page are made from.
//!
//! An error names file, line, key, the bad value and what is expected. Values that may hold a password are never shown.
//! Nothing here connects to a database or writes a file.

pub mod ini;
pub mod job;
pub mod key;
pub mod londiste;
pub mod londiste_keys;
pub mod on_error;
pub mod percent;
pub mod pgqd;
pub mod pgqd_file;
pub mod search;
pub mod value;
