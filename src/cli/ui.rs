//! The only mouth of the program.
//!
//! Results go to standard output; talk goes to standard error: log records through `tracing` (set up by
//! [`crate::daemon`]), refusals as [`Error::report`]. Colour and progress bars only appear on a terminal.

use std::fmt::Display;
use std::io::{IsTerminal, Write};

use serde::Serialize;

use crate::error::{Error, Result};

/// Where and how to speak.
#[derive(Debug, Clone, Copy)]
pub struct Ui {
    quiet: bool,
}

impl Ui {
    /// Speaks on the process' own standard streams; `quiet` silences progress.
    pub fn new(quiet: bool) -> Self {
        Self { quiet }
    }

    /// Prints one or more lines of result.
    pub fn line(&self, text: impl Display) {
        self.print(format_args!("{text}\n"));
    }

    /// Prints text as it is.
    pub fn print(&self, text: impl Display) {
        let mut out = std::io::stdout().lock();
        if write!(out, "{text}").and_then(|()| out.flush()).is_err() {
            // The reader went away (`londiste tables | head`): nobody is left to talk to.
            std::process::exit(0);
        }
    }

    /// Prints a value as JSON, indented.
    pub fn json(&self, value: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string_pretty(value)
            .map_err(|error| Error::internal(format!("a result cannot be written as JSON: {error}")))?;
        self.line(text);
        Ok(())
    }

    /// Prints a table in the ancestor's form; nothing when there are no rows.
    pub fn table(&self, title: &str, header: &[&str], rows: &[Vec<String>]) {
        if !rows.is_empty() {
            self.print(render_table(title, header, rows));
        }
    }

    /// The same, with a line instead of a table without rows.
    pub fn table_or(&self, title: &str, header: &[&str], rows: &[Vec<String>], none: impl Display) {
        if rows.is_empty() {
            self.line(none);
        } else {
            self.table(title, header, rows);
        }
    }

    /// Says on standard error what went wrong and what to do.
    pub fn error(&self, error: &Error) {
        eprintln!("{}", error.report());
    }

    /// Says on standard error what to do next; not when quiet.
    pub fn hint(&self, text: impl Display) {
        if !self.quiet {
            eprintln!("hint: {text}");
        }
    }

    /// Whether results may be coloured.
    pub fn has_colour(&self) -> bool {
        std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
    }

    /// Whether results go to a terminal.
    pub fn is_terminal(&self) -> bool {
        std::io::stdout().is_terminal()
    }

    /// Columns of the terminal; nothing where results go to a file or program.
    pub fn width(&self) -> Option<usize> {
        let (width, _) = terminal_size::terminal_size().filter(|_| self.is_terminal())?;
        Some(usize::from(width.0)).filter(|columns| *columns > 0)
    }

    /// Whether progress bars may be shown.
    pub fn has_progress(&self) -> bool {
        !self.quiet && std::io::stderr().is_terminal()
    }
}

/// Ancestor: title, header, dashes, rows; each column at least 15 wide plus two blanks, the last one not padded; a blank
/// line at the end and one more.
fn render_table(title: &str, header: &[&str], rows: &[Vec<String>]) -> String {
    let widths: Vec<usize> = header
        .iter()
        .enumerate()
        .map(|(column, head)| {
            let longest = rows
                .iter()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0);
            longest.max(head.chars().count()).max(15)
        })
        .collect();
    let mut out = format!("{title}\n");
    let mut push = |cells: Vec<String>| {
        let last = cells.len() - 1;
        for (column, cell) in cells.into_iter().enumerate() {
            out.push_str(&cell);
            if column < last {
                out.extend(std::iter::repeat_n(
                    ' ',
                    widths[column] - cell.chars().count() + 2,
                ));
            }
        }
        out.push('\n');
    };
    push(header.iter().map(|&head| head.to_owned()).collect());
    push(widths.iter().map(|&width| "-".repeat(width)).collect());
    for row in rows {
        push(row.clone());
    }
    out.push_str("\n\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_look_as_the_ancestors() {
        let rows = [vec![
            "node1".to_owned(),
            "False".to_owned(),
            "dbname=a2 port=24811".to_owned(),
        ]];
        assert_eq!(
            render_table(
                "Member info on node1@replika:",
                &["node_name", "dead", "node_location"],
                &rows
            ),
            "Member info on node1@replika:\n\
             node_name        dead             node_location\n\
             ---------------  ---------------  --------------------\n\
             node1            False            dbname=a2 port=24811\n\n\n"
        );
    }
}
