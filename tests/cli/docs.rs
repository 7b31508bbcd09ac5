//! The manual pages under `man/` say what the program does now.

use std::ffi::OsString;
use std::path::Path;

use clap::Command;
use londiste::cli::docs::{man_pages, prose};
use londiste::cli::{argv, definition};

#[test]
fn the_manual_pages_are_up_to_date() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("man");
    for (name, text) in man_pages() {
        let kept = std::fs::read_to_string(dir.join(name)).unwrap_or_default();
        assert!(
            kept == text,
            "man/{name} is out of date: cargo run --example gen_docs"
        );
    }
}

#[test]
fn every_command_has_an_entry() {
    let pages = man_pages();
    let londiste = &pages.iter().find(|(name, _)| *name == "londiste.1").unwrap().1;
    for command in definition().get_subcommands() {
        let name = command.get_name();
        let found = londiste.lines().any(|line| {
            let head = line.strip_prefix(".SS ").unwrap_or("").replace(['\\', '"'], "");
            head == name || head.starts_with(&format!("{name} "))
        });
        assert!(found, "{name}");
    }
}

/// Texts for users that are written by hand, with their names.
fn texts() -> Vec<(&'static str, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = ["README.md", "CHANGELOG.md", "ARCHITECTURE.md", "CONTRIBUTING.md"]
        .map(|name| (name, std::fs::read_to_string(root.join(name)).expect(name)));
    prose::SOURCES
        .iter()
        .map(|(name, text)| (*name, (*text).to_owned()))
        .chain(files)
        .collect()
}

/// What stands between backticks, and the lines of code.
fn code_of(text: &str) -> Vec<String> {
    let mut code = Vec::new();
    let mut prose = String::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
        } else if fenced || line.starts_with("    ") {
            code.push(line.trim().to_owned());
        } else {
            prose.push_str(line.trim());
            prose.push(' ');
        }
    }
    code.extend(prose.split('`').skip(1).step_by(2).map(str::to_owned));
    code
}

/// The words of a command line of a shell; single and double quotes keep blanks.
fn shell_words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(q), c) if q == c => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, ' ') => words.push(String::new()),
            (_, c) => words.last_mut().expect("never empty").push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The command lines of `program` in a piece of code: the whole line, or what follows in a list such as
/// `londiste install --print | psql`.
fn command_line(code: &str, program: &str) -> Option<Vec<String>> {
    let words = shell_words(code.split('|').next().unwrap_or_default());
    (words.first().is_some_and(|word| word == program) && words.len() > 1).then_some(words)
}

#[test]
fn every_command_line_in_the_documents_is_accepted() {
    let mut count = 0;
    for (document, text) in texts() {
        for code in code_of(&text) {
            if let Some(words) = command_line(&code, "londiste") {
                // Names of commands and groups alone are a way to speak of them.
                let bare = words[1..]
                    .iter()
                    .all(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '-'))
                    && words.iter().all(|word| !word.starts_with('-'));
                let args = words[1..].iter().map(OsString::from);
                let plan = argv::plan(&definition(), args, |_| false)
                    .unwrap_or_else(|error| panic!("{document}: {code}: {}", error.report()));
                let parsed = definition().try_get_matches_from(plan.argv);
                if let Err(error) = parsed
                    && !(bare && plan.command.is_some())
                    && error.use_stderr()
                {
                    panic!("{document}: {code}: {error}");
                }
                count += 1;
            }
            if let Some(words) = command_line(&code, "pgqd") {
                let pgqd = <londiste::ticker::args::Args as clap::CommandFactory>::command();
                if let Err(error) = pgqd.try_get_matches_from(words)
                    && error.use_stderr()
                {
                    panic!("{document}: {code}: {error}");
                }
                count += 1;
            }
        }
    }
    assert!(count > 60, "only {count} command lines were found");
}

/// Long options of a command and of those below it.
fn long_options(command: &Command, found: &mut Vec<String>) {
    found.extend(
        command
            .get_arguments()
            .filter_map(|arg| arg.get_long().map(str::to_owned)),
    );
    command
        .get_subcommands()
        .for_each(|below| long_options(below, found));
}

#[test]
fn every_option_in_the_documents_exists() {
    let mut known = vec!["help".to_owned(), "version".to_owned()];
    long_options(&definition(), &mut known);
    long_options(
        &<londiste::ticker::args::Args as clap::CommandFactory>::command(),
        &mut known,
    );
    for (document, text) in texts() {
        for code in code_of(&text) {
            if code.starts_with("cargo ") || code.starts_with("LONDISTE_") {
                continue;
            }
            for word in code.split_whitespace() {
                let Some(option) = word.trim_matches(['(', ')', ',', ';']).strip_prefix("--") else {
                    continue;
                };
                let name = option.split('=').next().unwrap_or_default();
                // A rule below the head of a table is none.
                assert!(
                    !name.starts_with(char::is_alphabetic) || known.iter().any(|known| known == name),
                    "{document}: {code}: no option --{name}"
                );
            }
        }
    }
}
