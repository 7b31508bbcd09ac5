//! Finds the job file and the command in an argument vector, and puts both where clap expects them.
//!
//! Ancestor: `londiste [options] INI CMD [args]`, options and positional arguments mixed in any order. Beside it stands
//! the everyday form without the job file, `londiste [options] CMD [args]`. Both become
//! `londiste CMD [options and args in the order given] --config INI`, which clap reads with its own rules (unique
//! prefixes of options, exit status 2). Which options take a value is asked from the clap definition, so that nothing is
//! said twice. Pure: no file is read except to ask whether one of that name exists.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use crate::config::key::nearest;
use crate::error::{Error, ErrorKind, Result};

/// What an argument vector asks for, before clap has looked at it.
#[derive(Debug, PartialEq, Eq)]
pub struct Plan {
    /// Name of the command, with its group where it has one (`queue list`); none for `londiste --help`, `londiste -s INI`
    /// and their like.
    pub command: Option<String>,
    /// The job file when it stood in the ancestor's place.
    pub ini: Option<OsString>,
    /// Number of positional arguments of the command.
    pub positional_count: usize,
    /// The options, without their values.
    pub flags: Vec<String>,
    /// The vector for clap, program name first.
    pub argv: Vec<OsString>,
}

impl Plan {
    /// Whether one of `names` was given as a word of its own.
    pub fn has_flag(&self, names: &[&str]) -> bool {
        self.flags.iter().any(|flag| names.contains(&flag.as_str()))
    }
}

/// Reads `args` (without the program name) with the options and commands of `definition`.
///
/// `is_file` answers whether a name is an existing file; it decides when a job file has the name of a command.
pub fn plan(
    definition: &clap::Command,
    args: impl IntoIterator<Item = OsString>,
    is_file: impl Fn(&OsStr) -> bool,
) -> Result<Plan> {
    let options = OptionTable::of(definition);
    let commands: Vec<&str> = definition
        .get_subcommands()
        .map(clap::Command::get_name)
        .chain(["help"])
        .collect();
    let tokens = options.split(args);

    let positionals: Vec<usize> = tokens
        .iter()
        .enumerate()
        .filter(|(_, t)| t.positional)
        .map(|(i, _)| i)
        .collect();
    let word = |nth: usize| positionals.get(nth).map(|i| tokens[*i].text.as_os_str());
    let is_command = |text: Option<&OsStr>| {
        text.and_then(OsStr::to_str)
            .is_some_and(|text| commands.contains(&text))
    };

    let (ini_at, command_at) = match (word(0), word(1)) {
        (None, _) => (None, None),
        (first, second) if is_command(first) => {
            // A job file called like a command: taken as one when a command follows it.
            if is_command(second) && first != Some(OsStr::new("help")) && first.is_some_and(&is_file) {
                (Some(positionals[0]), Some(positionals[1]))
            } else {
                (None, Some(positionals[0]))
            }
        }
        (Some(_), None) => (Some(positionals[0]), None),
        (Some(first), Some(second)) => {
            if !is_command(Some(second)) {
                return Err(unknown_command(&commands, first, second, &is_file));
            }
            (Some(positionals[0]), Some(positionals[1]))
        }
    };

    let mut path: Vec<String> = command_at
        .and_then(|i| tokens[i].text.to_str())
        .map(str::to_owned)
        .into_iter()
        .collect();
    let mut used_at: Vec<usize> = ini_at.into_iter().chain(command_at).collect();
    if let Some(group) = path.first().and_then(|name| definition.find_subcommand(name))
        && group.has_subcommands()
        && let Some(member_at) = positionals.iter().copied().find(|i| !used_at.contains(i))
    {
        path.push(member_of(group, &tokens[member_at].text)?);
        used_at.push(member_at);
    }
    let command = (!path.is_empty()).then(|| path.join(" "));
    let ini = ini_at.map(|i| tokens[i].text.clone());
    let mut argv = vec![OsString::from("londiste")];
    argv.extend(path.iter().map(OsString::from));
    if let Some(ini) = &ini {
        argv.push("--config".into());
        argv.push(ini.clone());
    }
    let flags = tokens
        .iter()
        .filter(|t| t.option)
        .map(|t| t.text.to_string_lossy().into_owned())
        .collect();
    argv.extend(
        tokens
            .into_iter()
            .enumerate()
            .filter(|(i, _)| !used_at.contains(i))
            .map(|(_, token)| token.text),
    );
    Ok(Plan {
        command,
        ini,
        positional_count: positionals.len() - used_at.len(),
        flags,
        argv,
    })
}

/// The command of a group that `word` names.
fn member_of(group: &clap::Command, word: &OsStr) -> Result<String> {
    let word = word.to_string_lossy().into_owned();
    if word == "help" || group.find_subcommand(&word).is_some() {
        return Ok(word);
    }
    let name = group.get_name();
    let error = Error::new(ErrorKind::NotFound, format!("unknown command '{name} {word}'"));
    Err(
        match nearest(&word, group.get_subcommands().map(clap::Command::get_name)) {
            Some(near) => error.with_hint(format!("did you mean \"{name} {near}\"?")),
            None => error.with_hint(format!("\"londiste {name} -h\" lists the commands of the group")),
        },
    )
}

/// Refuses a number of positional arguments that the command does not take, in the ancestor's words.
pub fn check_count(definition: &clap::Command, plan: &Plan) -> Result<()> {
    let Some(path) = plan.command.as_deref() else {
        return Ok(());
    };
    let Some(command) = path
        .split(' ')
        .try_fold(definition, |command, name| command.find_subcommand(name))
    else {
        return Ok(());
    };
    if command.has_subcommands() {
        let names: Vec<_> = command.get_subcommands().map(clap::Command::get_name).collect();
        return Err(Error::new(
            ErrorKind::NotFound,
            format!("need a command of the group: {path} {}", names.join("|")),
        )
        .with_hint(format!("see \"londiste {path} -h\"")));
    }
    let mut least = 0;
    let mut most = Some(0usize);
    let mut names = Vec::new();
    for arg in command.get_positionals() {
        let many = matches!(arg.get_action(), clap::ArgAction::Append);
        least += usize::from(arg.is_required_set());
        most = if many { None } else { most.map(|n| n + 1) };
        names.extend(arg.get_value_names().into_iter().flatten().map(|n| {
            if arg.is_required_set() {
                n.to_string()
            } else {
                format!("[{n}]")
            }
        }));
    }
    let got = plan.positional_count;
    if got >= least && most.is_none_or(|most| got <= most) {
        return Ok(());
    }
    let expects = match most {
        Some(most) if most == least => least.to_string(),
        Some(most) => format!("{least} to {most}"),
        None => format!("at least {least}"),
    };
    let mut message = format!("command '{path}' got {got} args, but expects {expects}");
    if !names.is_empty() {
        message.push_str(&format!(": {}", names.join(" ")));
    }
    // Ancestor: exit status 1, unlike a wrong option.
    Err(Error::new(ErrorKind::Refused, message).with_hint(format!("see \"londiste {path} --help\"")))
}

fn unknown_command(
    commands: &[&str],
    first: &OsStr,
    second: &OsStr,
    is_file: impl Fn(&OsStr) -> bool,
) -> Error {
    // `londiste INI CMD` with a wrong CMD, or `londiste CMD ARG` with a wrong CMD: a file tells them apart.
    let looks_like_ini = is_file(first) || first.to_string_lossy().ends_with(".ini");
    let wrong = if looks_like_ini { second } else { first };
    unknown(commands.iter().copied(), &wrong.to_string_lossy())
}

/// Commands of Londiste 3 that are still to come; who types one has made no slip.
const STILL_TO_COME: &[&str] = &["change-handler", "execute", "repair", "show-handlers"];

/// The refusal of a word that is no command, with the nearest one.
pub fn unknown<'a>(commands: impl IntoIterator<Item = &'a str>, wrong: &str) -> Error {
    if STILL_TO_COME.contains(&wrong) {
        return Error::refused(format!(
            "command '{wrong}' of Londiste 3 is not in this version yet"
        ))
        .with_hint("\"londiste -h\" lists the commands");
    }
    let error = Error::new(ErrorKind::NotFound, format!("unknown command '{wrong}'"));
    match nearest(wrong, commands) {
        Some(near) => error.with_hint(format!("did you mean \"{near}\"?")),
        None => error.with_hint("\"londiste -h\" lists the commands"),
    }
}

/// One argument with its part in the sentence.
struct Token {
    text: OsString,
    positional: bool,
    option: bool,
}

/// Whether an option takes the argument behind it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Nothing,
    Next,
    /// Its value may be left out: the next argument is taken if it is a number.
    Number,
}

impl Takes {
    fn of(arg: &clap::Arg) -> Self {
        if !arg.get_action().takes_values() {
            Self::Nothing
        } else if arg.get_num_args().is_some_and(|range| range.min_values() == 0) {
            Self::Number
        } else {
            Self::Next
        }
    }

    fn wants(self, next: &OsStr) -> bool {
        match self {
            Self::Nothing => false,
            Self::Next => true,
            Self::Number => next.to_str().is_some_and(|text| text.parse::<f64>().is_ok()),
        }
    }
}

/// Which options take a value.
struct OptionTable {
    long: BTreeMap<String, Takes>,
    short: BTreeMap<char, Takes>,
}

impl OptionTable {
    fn of(definition: &clap::Command) -> Self {
        let mut table = Self {
            long: BTreeMap::new(),
            short: BTreeMap::new(),
        };
        let groups = definition
            .get_subcommands()
            .flat_map(clap::Command::get_subcommands);
        for command in definition.get_subcommands().chain(groups).chain([definition]) {
            for arg in command.get_arguments() {
                let takes_value = Takes::of(arg);
                for long in arg.get_long_and_visible_aliases().into_iter().flatten() {
                    table.long.insert(long.to_owned(), takes_value);
                }
                if let Some(short) = arg.get_short() {
                    table.short.insert(short, takes_value);
                }
            }
        }
        table
    }

    /// Whether the long option, or the unique prefix of one, takes the next argument as its value.
    fn long_takes_next(&self, text: &str) -> Takes {
        if text.contains('=') {
            return Takes::Nothing;
        }
        if let Some(takes) = self.long.get(text) {
            return *takes;
        }
        let mut candidates = self
            .long
            .range(text.to_owned()..)
            .take_while(|(name, _)| name.starts_with(text));
        // All that the prefix may mean must agree; otherwise clap refuses it anyway.
        match candidates.next() {
            Some((_, first)) if candidates.all(|(_, takes)| takes == first) => *first,
            _ => Takes::Nothing,
        }
    }

    /// Whether the last letter of a cluster such as `-vd` takes the next argument as its value.
    fn short_takes_next(&self, cluster: &str) -> Takes {
        let mut letters = cluster.chars();
        while let Some(letter) = letters.next() {
            match self.short.get(&letter).copied() {
                None | Some(Takes::Nothing) => {}
                Some(takes) if letters.as_str().is_empty() => return takes,
                Some(_) => return Takes::Nothing,
            }
        }
        Takes::Nothing
    }

    fn split(&self, args: impl IntoIterator<Item = OsString>) -> Vec<Token> {
        let mut tokens = Vec::new();
        let mut args = args.into_iter().peekable();
        let mut only_positionals = false;
        while let Some(arg) = args.next() {
            let text = arg.to_str().unwrap_or("").to_owned();
            let positional = only_positionals || !text.starts_with('-') || text == "-";
            tokens.push(Token {
                text: arg,
                positional,
                option: !positional,
            });
            if positional {
                continue;
            }
            let takes_next = match text.strip_prefix("--") {
                Some("") => {
                    only_positionals = true;
                    Takes::Nothing
                }
                Some(long) => self.long_takes_next(long),
                None => self.short_takes_next(&text[1..]),
            };
            if let Some(value) = args.next_if(|next| takes_next.wants(next)) {
                tokens.push(Token {
                    text: value,
                    positional: false,
                    option: false,
                });
            }
        }
        tokens
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Arg, ArgAction, Command};

    fn definition() -> Command {
        Command::new("londiste")
            .arg(Arg::new("set").long("set").action(ArgAction::Append).global(true))
            .arg(
                Arg::new("verbose")
                    .short('v')
                    .action(ArgAction::Count)
                    .global(true),
            )
            .arg(Arg::new("config").long("config").global(true))
            .subcommand(
                Command::new("status")
                    .arg(Arg::new("compact").long("compact").action(ArgAction::SetTrue))
                    .arg(Arg::new("watch").long("watch").num_args(0..=1)),
            )
            .subcommand(
                Command::new("takeover")
                    .arg(Arg::new("old").required(true).value_name("OLD_NODE"))
                    .arg(Arg::new("provider").long("provider")),
            )
            .subcommand(
                Command::new("queue").subcommand(Command::new("list")).subcommand(
                    Command::new("peek")
                        .arg(Arg::new("queue").required(true))
                        .arg(Arg::new("limit").long("limit").action(ArgAction::Set)),
                ),
            )
    }

    fn planned(line: &str) -> (Option<String>, Option<String>, String) {
        let plan = plan(&definition(), line.split_whitespace().map(OsString::from), |_| {
            false
        })
        .unwrap();
        let argv: Vec<_> = plan.argv[1..]
            .iter()
            .map(|a| a.to_string_lossy().into_owned())
            .collect();
        (
            plan.ini.map(|i| i.into_string().unwrap()),
            plan.command,
            argv.join(" "),
        )
    }

    #[test]
    fn ini_and_command_are_found_wherever_options_stand() {
        let want = (Some("a.ini".to_owned()), Some("status".to_owned()));
        for line in [
            "a.ini status --compact",
            "--compact a.ini status",
            "-v --set x=1 a.ini status --compact",
            "a.ini --set x=1 status",
            "--se x=1 a.ini status",
        ] {
            let (ini, command, _) = planned(line);
            assert_eq!((ini, command), want, "{line}");
        }
    }

    #[test]
    fn the_everyday_form_has_no_ini() {
        assert_eq!(
            planned("status --compact"),
            (None, Some("status".into()), "status --compact".into())
        );
        assert_eq!(
            planned("--config x.ini takeover n1"),
            (None, Some("takeover".into()), "takeover --config x.ini n1".into())
        );
    }

    #[test]
    fn the_ini_moves_behind_the_command() {
        assert_eq!(
            planned("--prov x a.ini takeover n1").2,
            "takeover --config a.ini --prov x n1"
        );
    }

    #[test]
    fn a_value_that_may_be_left_out_is_a_number() {
        for (line, want) in [
            ("--watch a.ini status", "status --config a.ini --watch"),
            ("a.ini --watch 5 status", "status --config a.ini --watch 5"),
            ("a.ini status --watch", "status --config a.ini --watch"),
            ("--watch=0.5 a.ini status", "status --config a.ini --watch=0.5"),
        ] {
            assert_eq!(planned(line).2, want, "{line}");
        }
    }

    #[test]
    fn a_group_and_its_command_go_together() {
        assert_eq!(
            planned("--limit 3 a.ini queue -v peek q"),
            (
                Some("a.ini".into()),
                Some("queue peek".into()),
                "queue peek --config a.ini --limit 3 -v q".into()
            )
        );
        let error = plan(&definition(), ["queue", "lst"].map(OsString::from), |_| false).unwrap_err();
        assert_eq!(
            error.report(),
            "error: unknown command 'queue lst'\nhint: did you mean \"queue list\"?"
        );
        let definition = definition();
        let plan = plan(&definition, ["queue", "peek"].map(OsString::from), |_| false).unwrap();
        assert!(
            check_count(&definition, &plan)
                .unwrap_err()
                .message()
                .starts_with("command 'queue peek' got 0 args, but expects 1")
        );
    }

    #[test]
    fn a_command_word_may_be_missing() {
        assert_eq!(
            planned("-v a.ini"),
            (Some("a.ini".into()), None, "--config a.ini -v".into())
        );
    }

    #[test]
    fn an_unknown_command_names_the_nearest() {
        let error = plan(&definition(), ["a.ini", "statsu"].map(OsString::from), |_| false).unwrap_err();
        assert_eq!(
            error.report(),
            "error: unknown command 'statsu'\nhint: did you mean \"status\"?"
        );
        let error = plan(&definition(), ["takeovr", "n1"].map(OsString::from), |_| false).unwrap_err();
        assert_eq!(
            error.report(),
            "error: unknown command 'takeovr'\nhint: did you mean \"takeover\"?"
        );
    }

    #[test]
    fn the_number_of_arguments_is_checked_in_the_ancestors_words() {
        let definition = definition();
        let plan = plan(&definition, ["a.ini", "takeover"].map(OsString::from), |_| false).unwrap();
        let error = check_count(&definition, &plan).unwrap_err();
        assert_eq!(
            error.message(),
            "command 'takeover' got 0 args, but expects 1: OLD_NODE"
        );
        assert_eq!(error.kind().exit_status(), 1);
    }
}
