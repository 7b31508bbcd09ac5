//! The manual pages under `man/` say what the program does now.

use std::path::Path;

#[test]
fn the_manual_pages_are_up_to_date() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("man");
    for (name, text) in londiste::cli::docs::man_pages() {
        let kept = std::fs::read_to_string(dir.join(name)).unwrap_or_default();
        assert!(
            kept == text,
            "man/{name} is out of date: cargo run --example gen_docs"
        );
    }
}

#[test]
fn every_command_has_an_entry() {
    let pages = londiste::cli::docs::man_pages();
    let londiste = &pages.iter().find(|(name, _)| *name == "londiste.1").unwrap().1;
    for command in londiste::cli::definition().get_subcommands() {
        let name = command.get_name();
        let found = londiste.lines().any(|line| {
            let head = line.strip_prefix(".SS ").unwrap_or("").replace(['\\', '"'], "");
            head == name || head.starts_with(&format!("{name} "))
        });
        assert!(found, "{name}");
    }
}
