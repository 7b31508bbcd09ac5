//! The one room that opens connections and quotes names.
//!
//! Every other room hands a [`ConnInfo`] and an [`AppName`] in and gets a [`Session`] out, so that names, time limits,
//! TLS and the settings that values depend on are decided in one place. Promises: libpq's meaning for everything that
//! a connection string can say (what cannot be done is an error, never ignored), and no secret in any message.

pub mod app_name;
pub mod conninfo;
pub mod copy_text;
mod dial;
mod keyword_list;
pub mod mask;
mod passfile;
pub mod qualified_name;
pub mod quote;
pub mod resolve;
mod revocation;
mod service_file;
pub mod session;
mod settings;
mod socket;
pub mod structure;
mod tls;
mod wire;

pub use app_name::AppName;
pub use conninfo::ConnInfo;
pub use mask::mask_passwords;
pub use qualified_name::QualifiedName;
pub use quote::{quote_fqname, quote_ident, quote_literal, quote_qualified};
pub use resolve::Resolved;
pub use session::{Canceller, Session, wait_closed};
