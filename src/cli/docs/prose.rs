//! Manual pages that are written by hand: Markdown under `man/text/`, of which these forms are known.
//!
//! The first line is `# name(section): purpose`. Then `## SECTION`, `### Subsection`, paragraphs, lines with four
//! blanks in front (kept as they are), `- **term** text` (an entry), and code between backticks.

use clap_mangen::roff::{bold, roman};

use super::{Page, words_of};

/// File name and source of each page.
pub const SOURCES: &[(&str, &str)] = &[
    (
        "londiste-tutorial.7",
        include_str!("../../../man/text/londiste-tutorial.7.md"),
    ),
    (
        "londiste-output.7",
        include_str!("../../../man/text/londiste-output.7.md"),
    ),
    (
        "londiste-triggers.7",
        include_str!("../../../man/text/londiste-triggers.7.md"),
    ),
    (
        "londiste-whatif.7",
        include_str!("../../../man/text/londiste-whatif.7.md"),
    ),
    (
        "londiste-glossary.7",
        include_str!("../../../man/text/londiste-glossary.7.md"),
    ),
];

/// The page as a manual page.
///
/// # Panics
/// The first line is no title; the test of the manual walks all pages.
pub(super) fn page(source: &str) -> String {
    let (title, body) = source.split_once('\n').unwrap_or((source, ""));
    let (name, rest) = title
        .strip_prefix("# ")
        .and_then(|title| title.split_once('('))
        .expect("a page begins with # name(section): purpose");
    let (section, purpose) = rest
        .split_once("): ")
        .expect("a page begins with # name(section): purpose");
    let mut page = Page::new(name, section, purpose);
    let lines: Vec<&str> = body.lines().collect();
    let mut at = 0;
    // A paragraph right after a heading needs no request of its own.
    let mut fresh = true;
    while at < lines.len() {
        let start = at;
        let line = lines[at];
        at += 1;
        if line.is_empty() {
            continue;
        }
        if let Some(title) = line.strip_prefix("## ") {
            page.section(title);
            fresh = true;
        } else if let Some(title) = line.strip_prefix("### ") {
            page.0.control("SS", [title]);
            fresh = true;
        } else if line.starts_with("    ") {
            while at < lines.len() && (lines[at].starts_with("    ") || next_is_code(&lines[at..])) {
                at += 1;
            }
            page.0.control("PP", []);
            page.0.control("RS", ["4"]);
            page.0.control("nf", []);
            for line in &lines[start..at] {
                page.0.text([roman(line.strip_prefix("    ").unwrap_or(""))]);
            }
            page.0.control("fi", []);
            page.0.control("RE", []);
            fresh = false;
        } else {
            while at < lines.len() && !lines[at].is_empty() && !lines[at].starts_with("- ") {
                at += 1;
            }
            let text = lines[start..at]
                .iter()
                .map(|line| line.trim())
                .collect::<Vec<_>>()
                .join(" ");
            match text.strip_prefix("- **").and_then(|entry| entry.split_once("**")) {
                Some((term, text)) => page.entry(vec![bold(term.replace('`', ""))], text.trim()),
                None => {
                    if !fresh {
                        page.0.control("PP", []);
                    }
                    page.0.text(words_of(&text));
                }
            }
            fresh = false;
        }
    }
    page.render()
}

/// Whether blank lines are followed by more code.
fn next_is_code(lines: &[&str]) -> bool {
    lines[0].is_empty()
        && lines
            .iter()
            .find(|line| !line.is_empty())
            .is_some_and(|line| line.starts_with("    "))
}
