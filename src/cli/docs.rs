//! Manual pages, made from the same definitions as the help texts and the check of job files; those of section 7 that
//! explain are written by hand ([`prose`]).
//!
//! `cargo run --example gen_docs` writes them to `man/`; a test fails when they are out of date.

use clap::{Arg, Command};
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};

use super::{GROUPS, definition};
use crate::config::key::{Effect, Key};
use crate::config::londiste_keys::LONDISTE_KEYS;
use crate::config::pgqd::PGQD_KEYS;
use crate::metrics::{Kind, METRICS};

pub mod prose;

/// Every generated page: name of the file and text.
pub fn man_pages() -> Vec<(&'static str, String)> {
    let mut pages = vec![
        ("londiste.1", londiste_1()),
        ("londiste.5", londiste_5()),
        ("pgqd.1", pgqd_1()),
        ("pgqd.5", pgqd_5()),
        ("londiste-metrics.7", metrics_7()),
    ];
    pages.extend(
        prose::SOURCES
            .iter()
            .map(|(name, source)| (*name, prose::page(source))),
    );
    pages
}

fn londiste_1() -> String {
    let mut definition = definition();
    definition.build();
    let mut page = Page::new(
        "londiste",
        "1",
        "replicates tables between PostgreSQL databases through PgQ",
    );
    page.section("SYNOPSIS");
    page.line(vec![
        bold("londiste"),
        roman(" ["),
        italic("OPTIONS"),
        roman("] ["),
        italic("INI"),
        roman("] "),
        italic("COMMAND"),
        roman(" ["),
        italic("ARGS"),
        roman("]"),
    ]);
    page.section("DESCRIPTION");
    page.about(&definition);
    page.section("GLOBAL OPTIONS");
    page.options(&definition, |_| true);
    for (title, augment) in GROUPS {
        page.section(&format!("COMMANDS: {}", title.to_uppercase()));
        let group = augment(Command::new("group"));
        for command in group.get_subcommands().filter(|c| !c.is_hide_set()) {
            page.command(command);
        }
    }
    page.section("ENVIRONMENT");
    page.entry(
        vec![bold("LONDISTE_CONFIG")],
        "Job file to use when none is named.",
    );
    page.entry(
        vec![bold("LONDISTE_CONFIG_DIR")],
        "Folder of job files instead of /etc/skytools.",
    );
    page.entry(
        vec![bold("PGHOST"), roman(", "), bold("PGPORT"), roman(", ...")],
        "What connect strings leave open, with the meaning that libpq gives it.",
    );
    page.entry(vec![bold("NO_COLOR")], "No colours, not even on a terminal.");
    page.section("FILES");
    page.entry(
        vec![italic("/etc/skytools/londiste.ini")],
        "Job file to use when none is named.",
    );
    page.entry(
        vec![italic("pidfile")],
        "Held by the worker; the ending .admin is added for commands that change something, .copy.TABLE for a copy.",
    );
    page.see_also(
        "londiste(5), pgqd(1), londiste-tutorial(7), londiste-output(7), londiste-whatif(7), londiste-triggers(7), \
         londiste-glossary(7), londiste-metrics(7)",
    );
    page.render()
}

fn pgqd_1() -> String {
    let mut definition = <crate::ticker::args::Args as clap::CommandFactory>::command();
    definition.build();
    let mut page = Page::new("pgqd", "1", "ticker and maintenance of PgQ queues");
    page.section("SYNOPSIS");
    page.line(vec![
        bold("pgqd"),
        roman(" ["),
        italic("OPTIONS"),
        roman("] "),
        italic("CONFIG"),
    ]);
    page.section("DESCRIPTION");
    page.about(&definition);
    page.section("OPTIONS");
    page.options(&definition, |_| true);
    page.see_also("pgqd(5), londiste(1)");
    page.render()
}

fn londiste_5() -> String {
    let mut page = Page::new("londiste", "5", "job file of one Londiste node");
    page.section("DESCRIPTION");
    page.paragraphs(
        "A job file has a section `[londiste]` with lines `key = value` or `key: value`. Keys have no case. Indented \
         lines go on with the value before. Lines that start with `#` or `;` are comments; there are none after a \
         value. A section `[DEFAULT]` supplies values to every section.\n\n\
         `%(key)s` stands for the value of another key, `%%` for a percent sign; with `config_format = 2` they are \
         written `${key}`, `${section:key}` and `$$`. Beside the keys of the file, `job_name` (the file's name \
         without ending), `service_name`, `host_name`, `config_dir` and `config_file` can be used.\n\n\
         `londiste --ini` prints a commented sample. An unknown key is a warning that names the nearest known one. \
         Keys are read again on SIGHUP unless said otherwise.",
    );
    for group in LONDISTE_KEYS {
        page.section(&group.title.to_uppercase());
        for key in group.keys {
            page.key(key);
        }
    }
    page.see_also("londiste(1), pgqd(5)");
    page.render()
}

fn pgqd_5() -> String {
    let mut page = Page::new("pgqd", "5", "settings of pgqd");
    page.section("DESCRIPTION");
    page.paragraphs(
        "The file has a section `[pgqd]` with lines `key = value`. Lines that start with `#` or `;` are comments. \
         `pgqd --ini` prints a commented sample. Keys are read again on SIGHUP unless said otherwise.",
    );
    page.section("KEYS");
    for key in PGQD_KEYS {
        page.key(key);
    }
    page.see_also("pgqd(1), londiste(5)");
    page.render()
}

fn metrics_7() -> String {
    let mut page = Page::new("londiste-metrics", "7", "numbers for monitoring");
    page.section("DESCRIPTION");
    page.paragraphs(
        "`londiste INI worker --metrics-listen PLACE` and `pgqd --metrics-listen PLACE CONFIG` answer GET requests for \
         `/metrics` with these numbers in the text form of Prometheus. PLACE is a port on the loopback interface, or \
         HOST:PORT. Nothing is served without the option. The numbers of queues and consumers come from pgqd, or from the \
         worker that ticks because no pgqd does; they are read every ten seconds.",
    );
    page.section("METRICS");
    for metric in METRICS {
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let labels = match metric.labels {
            "" => String::new(),
            labels => format!("; labels {labels}"),
        };
        page.entry(
            vec![bold(metric.name)],
            &format!("{} ({kind}{labels}).", metric.help),
        );
    }
    page.see_also("londiste(1), pgqd(1)");
    page.render()
}

/// One page under construction.
struct Page(Roff);

impl Page {
    fn new(name: &str, section: &str, purpose: &str) -> Self {
        let mut roff = Roff::new();
        let version = format!("londiste {}", env!("CARGO_PKG_VERSION"));
        roff.control("TH", [name, section, "", &version, "Londiste"]);
        roff.control("SH", ["NAME"]);
        roff.text([roman(format!("{name} - {purpose}"))]);
        Self(roff)
    }

    fn section(&mut self, title: &str) {
        self.0.control("SH", [title]);
    }

    fn line(&mut self, words: Vec<Inline>) {
        self.0.text(words);
    }

    /// Text with a blank line between paragraphs and code between backticks.
    fn paragraphs(&mut self, text: &str) {
        for (nth, paragraph) in text.split("\n\n").enumerate() {
            if nth > 0 {
                self.0.control("PP", []);
            }
            self.0.text(words_of(paragraph));
        }
    }

    fn about(&mut self, command: &Command) {
        let text = command.get_long_about().or_else(|| command.get_about());
        if let Some(text) = text {
            self.paragraphs(&sentence(&text.to_string()));
        }
    }

    fn entry(&mut self, head: Vec<Inline>, text: &str) {
        self.0.control("TP", []);
        self.0.text(head);
        for (nth, paragraph) in text.split("\n\n").enumerate() {
            if nth > 0 {
                self.0.control("IP", []);
            }
            self.0.text(words_of(paragraph));
        }
    }

    fn command(&mut self, command: &Command) {
        self.command_of("", command);
    }

    /// A command, or each command of a group; `group` stands before the name.
    fn command_of(&mut self, group: &str, command: &Command) {
        let mut head = format!("{group}{}", command.get_name());
        if command.has_subcommands() {
            self.0.control("SS", [head.as_str()]);
            self.about(command);
            for member in command.get_subcommands().filter(|c| !c.is_hide_set()) {
                self.command_of(&format!("{head} "), member);
            }
            return;
        }
        for arg in command.get_positionals() {
            head.push(' ');
            head.push_str(&positional(arg));
        }
        self.0.control("SS", [head.as_str()]);
        self.about(command);
        for arg in command.get_positionals() {
            self.entry(vec![italic(value_name(arg))], &help_of(arg));
        }
        self.options(command, |arg| !arg.is_global_set());
    }

    fn options(&mut self, command: &Command, wanted: impl Fn(&Arg) -> bool) {
        for arg in command.get_opts_and_flags(wanted) {
            let mut head = Vec::new();
            if let Some(short) = arg.get_short() {
                head.push(bold(format!("-{short}")));
            }
            if let Some(long) = arg.get_long() {
                if !head.is_empty() {
                    head.push(roman(", "));
                }
                head.push(bold(format!("--{long}")));
            }
            if arg.get_action().takes_values() {
                head.push(roman("="));
                head.push(italic(value_name(arg)));
            }
            self.entry(head, &help_of(arg));
        }
    }

    fn key(&mut self, key: &Key) {
        let mut text = key.help.to_owned();
        match key.effect {
            Effect::Full => {}
            Effect::OldNameOf(name) => {
                text.push_str(&format!(" Older spelling of `{name}`; wins when both are set."));
            }
            Effect::None(reason) => text.push_str(&format!(" Accepted, without effect: {reason}.")),
        }
        if key.effect == Effect::Full {
            if key.required {
                text.push_str(" Required.");
            } else if !key.default.is_empty() {
                text.push_str(&format!(" Default: `{}`.", key.default.replace('`', "'")));
            }
            if !key.reload {
                text.push_str(" Not read again on SIGHUP.");
            }
        }
        self.entry(
            vec![bold(key.name), roman(format!(" ({})", key.kind.label()))],
            text.trim(),
        );
    }

    fn see_also(&mut self, pages: &str) {
        self.section("SEE ALSO");
        self.line(vec![roman(pages)]);
    }

    fn render(self) -> String {
        self.0.render()
    }
}

/// The options of a command, without its help option and positional arguments.
trait OptsAndFlags {
    fn get_opts_and_flags<'a>(
        &'a self,
        wanted: impl Fn(&Arg) -> bool + 'a,
    ) -> Box<dyn Iterator<Item = &'a Arg> + 'a>;
}

impl OptsAndFlags for Command {
    fn get_opts_and_flags<'a>(
        &'a self,
        wanted: impl Fn(&Arg) -> bool + 'a,
    ) -> Box<dyn Iterator<Item = &'a Arg> + 'a> {
        Box::new(self.get_arguments().filter(move |arg| {
            !arg.is_positional() && !arg.is_hide_set() && arg.get_id() != "help" && wanted(arg)
        }))
    }
}

fn value_name(arg: &Arg) -> String {
    match arg.get_value_names() {
        Some(names) => names.join(" "),
        None => arg.get_id().to_string().to_uppercase(),
    }
}

fn positional(arg: &Arg) -> String {
    let dots = if matches!(arg.get_action(), clap::ArgAction::Append) {
        "..."
    } else {
        ""
    };
    let name = value_name(arg);
    if arg.is_required_set() {
        format!("{name}{dots}")
    } else {
        format!("[{name}{dots}]")
    }
}

fn help_of(arg: &Arg) -> String {
    let text = arg
        .get_long_help()
        .or_else(|| arg.get_help())
        .map(ToString::to_string)
        .unwrap_or_default();
    let mut text = sentence(&text);
    let defaults: Vec<_> = arg
        .get_default_values()
        .iter()
        .map(|v| v.to_string_lossy().into_owned())
        .collect();
    if !defaults.is_empty() && arg.get_action().takes_values() {
        text.push_str(&format!(" Default: `{}`.", defaults.join(" ")));
    }
    let values: Vec<_> = arg
        .get_possible_values()
        .iter()
        .map(|v| v.get_name().to_owned())
        .collect();
    if !values.is_empty() && arg.get_action().takes_values() {
        text.push_str(&format!(" One of `{}`.", values.join("`, `")));
    }
    text
}

/// Help texts have no full stop at the end of their first line; a manual has.
fn sentence(text: &str) -> String {
    text.split("\n\n")
        .map(|paragraph| {
            let paragraph = paragraph.trim_end();
            let closed = paragraph.ends_with(['.', ':', '?', '!']) || paragraph.is_empty();
            if closed {
                paragraph.to_owned()
            } else {
                format!("{paragraph}.")
            }
        })
        .collect::<Vec<_>>()
        .join("\n\n")
}

/// Words, with code between backticks in bold.
fn words_of(text: &str) -> Vec<Inline> {
    text.replace('\n', " ")
        .split('`')
        .enumerate()
        .filter(|(_, part)| !part.is_empty())
        .map(|(nth, part)| if nth % 2 == 1 { bold(part) } else { roman(part) })
        .collect()
}
