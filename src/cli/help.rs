//! The short help: one screen.

use std::fmt::Write as _;

use super::GROUPS;

/// What `londiste -h` prints: usage and the commands by group, 24 lines at most.
pub fn short() -> String {
    let mut out = String::from(
        "Replicates tables between PostgreSQL databases through PgQ.\n\n\
         Usage: londiste [OPTIONS] [INI] COMMAND [ARGS]\n\n",
    );
    for (title, augment) in GROUPS {
        let group = augment(clap::Command::new("group"));
        let names: Vec<_> = group
            .get_subcommands()
            .filter(|c| !c.is_hide_set())
            .map(|c| c.get_name().to_owned())
            .collect();
        push_wrapped(&mut out, title, &names);
    }
    out.push_str(
        "\n  --config FILE   job file (INI)           -d, --daemon   go to the background\n  \
         --ini           print a sample of one    -r, --reload   re-read the job file\n  \
         --set KEY=VAL   override a key           -s, --stop     stop after the batch\n  \
         -q, --quiet     log less                 -k, --kill     stop at once\n  \
         -v, --verbose   log more                 -V, --version  print the version\n\n\
         \"londiste COMMAND -h\" tells about one command, \"londiste --help\" everything.\n",
    );
    out
}

fn push_wrapped(out: &mut String, title: &str, names: &[String]) {
    let mut line = format!("{:<24}", format!("{title}:"));
    for name in names {
        if line.len() + name.len() > 79 {
            let _ = writeln!(out, "{}", line.trim_end());
            line = " ".repeat(24);
        }
        line.push_str(name);
        line.push(' ');
    }
    let _ = writeln!(out, "{}", line.trim_end());
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_short_help_is_one_screen() {
        let text = super::short();
        assert!(text.lines().count() <= 24, "{text}");
        assert!(text.lines().all(|line| line.len() <= 79), "{text}");
    }
}
