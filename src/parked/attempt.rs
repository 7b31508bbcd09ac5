//! What to do after an attempt to apply a batch failed.

use super::{Parking, is_parkable};
use crate::apply::{Applier, SetError};
use crate::error::{Error, ErrorKind, Result};
use crate::pg::Session;
use crate::service::fault;

/// Why a batch was not applied.
pub enum Failure {
    /// An error to report.
    Final(Error),
    /// The summed up changes of a table; one by one they may succeed.
    Set {
        /// The local table.
        table: String,
        /// What the server says.
        error: Error,
    },
    /// A table is not what it was when its changes were summed up.
    Redefined(String),
}

impl Failure {
    /// Rolls back and prepares another attempt, where one may end otherwise.
    ///
    /// # Errors
    /// The error to report; the transaction is left open then.
    pub async fn recover(self, local: &Session, applier: &mut Applier, parking: &mut Parking) -> Result<()> {
        match self {
            Self::Final(error) => {
                let failed = applier.take_failed();
                let outdated = failed.is_some() && is_parkable(&error) && applier.may_be_outdated();
                if !outdated && !parking.takes_care(failed, &error) {
                    return Err(error);
                }
                // Once more: by what the tables are now (a column may have been added here before it was on the root), or
                // to find all events that fail, and only those.
                local.batch_execute("rollback").await?;
                applier.forget();
            }
            Self::Set { table, error } => {
                // Nothing of the batch stays: its events come again, and this table's are applied one by one.
                local.batch_execute("rollback").await?;
                tracing::info!(
                    "{table}: applying its changes one by one, since together they fail: {}",
                    error.line()
                );
                applier.forget();
                applier.apply_in_order(&table);
                fault::point("worker.apply.rolled-back");
            }
            Self::Redefined(table) => {
                local.batch_execute("rollback").await?;
                tracing::info!("{table}: its definition changed meanwhile, applying the batch anew");
                applier.forget();
            }
        }
        Ok(())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Final(error.into())
    }
}

/// A refused statement is tried again row by row. A deadlock, a shutdown or a full disk is nothing that another order of
/// changes helps against (PostgreSQL manual, appendix A: classes 40, 53, 57, 58, XX).
impl From<SetError> for Failure {
    fn from(SetError { table, error }: SetError) -> Self {
        let Some(table) = table else {
            return Self::Final(error);
        };
        let is_refusal = error.kind() == ErrorKind::Database
            && error.sqlstate().is_some_and(|code| {
                !["40", "53", "57", "58", "XX"]
                    .iter()
                    .any(|class| code.starts_with(class))
            });
        if is_refusal {
            Self::Set { table, error }
        } else {
            Self::Final(error.context(format!("changes of table \"{table}\"")))
        }
    }
}
