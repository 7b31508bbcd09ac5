//! The state of a table on one node, spelled in `londiste.table_info.merge_state` as the ancestor spells it
//! (londiste.md 8.2).

use std::fmt;

use crate::error::{Error, Result};
use crate::pgq::TickId;

/// How far a table has come on this node. Every state survives a restart: it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TableState {
    /// Attached, no data yet (stored as NULL). Set by add-table and resync; the worker may start a copy.
    Missing,
    /// A copy is running or has to start again. Set by the worker; the rows are not to be trusted.
    InCopy,
    /// The rows are in; the copy replays what happened meanwhile. Set by the copy. The worker leaves the table's
    /// events to the copy.
    CatchingUp,
    /// The copy waits for the worker at the tick before this one. Set by the copy.
    WannaSync(TickId),
    /// The ancestor's worker waits for the copy before this tick. Never set by us, understood when found.
    DoSync(TickId),
    /// The worker replays the table.
    Ok,
}

impl TableState {
    /// Reads the stored text.
    ///
    /// # Errors
    /// A spelling that this program does not know.
    pub fn parse(table: &str, stored: Option<&str>) -> Result<Self> {
        let tick = |text: &str| text.parse().ok().map(TickId);
        let state = match stored {
            None => Some(Self::Missing),
            Some("in-copy") => Some(Self::InCopy),
            Some("catching-up") => Some(Self::CatchingUp),
            // Ancestor: `?` is read as `ok`.
            Some("ok" | "?") => Some(Self::Ok),
            Some(text) => match text.split_once(':') {
                Some(("wanna-sync", number)) => tick(number).map(Self::WannaSync),
                Some(("do-sync", number)) => tick(number).map(Self::DoSync),
                _ => None,
            },
        };
        state.ok_or_else(|| {
            Error::refused(format!(
                "table \"{table}\" has the unknown state \"{}\"",
                stored.unwrap_or_default()
            ))
            .with_detail(
                "known are NULL, in-copy, catching-up, wanna-sync:TICK, do-sync:TICK and ok \
                     (column merge_state of londiste.table_info)",
            )
            .with_hint(format!("to copy the table anew: londiste resync {table}"))
        })
    }

    /// The text to store; `None` is NULL.
    pub fn stored(self) -> Option<String> {
        match self {
            Self::Missing => None,
            other => Some(other.to_string()),
        }
    }

    /// Whether a copy owns the table: it runs, or has to be started again after a crash.
    pub fn is_copying(self) -> bool {
        matches!(
            self,
            Self::InCopy | Self::CatchingUp | Self::WannaSync(_) | Self::DoSync(_)
        )
    }

    /// Whether the copy replays the table's events (its rows are in).
    pub fn is_replayed_by_copy(self) -> bool {
        matches!(self, Self::CatchingUp | Self::WannaSync(_) | Self::DoSync(_))
    }
}

impl fmt::Display for TableState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("None"),
            Self::InCopy => f.write_str("in-copy"),
            Self::CatchingUp => f.write_str("catching-up"),
            Self::WannaSync(tick) => write!(f, "wanna-sync:{tick}"),
            Self::DoSync(tick) => write!(f, "do-sync:{tick}"),
            Self::Ok => f.write_str("ok"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_spellings_are_the_ancestors() {
        for text in ["in-copy", "catching-up", "wanna-sync:42", "do-sync:43", "ok"] {
            assert_eq!(
                TableState::parse("t", Some(text)).unwrap().stored().as_deref(),
                Some(text)
            );
        }
        assert_eq!(TableState::parse("t", None).unwrap().stored(), None);
        assert_eq!(TableState::parse("t", Some("?")).unwrap(), TableState::Ok);
        let error = TableState::parse("public.t", Some("wanna-sync:x")).unwrap_err();
        assert_eq!(
            error.message(),
            "table \"public.t\" has the unknown state \"wanna-sync:x\""
        );
    }
}
