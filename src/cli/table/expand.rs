//! Names on the command line become tables or sequences (londiste.md 2.2). Pure.

use crate::config::key::nearest;
use crate::pg::QualifiedName;

/// What the names on the command line stand for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Expansion {
    /// To be worked on, in the order given, each once.
    pub names: Vec<String>,
    /// Nothing to do: they are on the other side already.
    pub already: Vec<String>,
    /// Plain names that are on neither side.
    pub unknown: Vec<String>,
}

/// Expands `args` over `candidates`, the names that the command can work on; `done` are those it has nothing to do for.
///
/// A name without a dot is in schema `public`; `*` and `?` stand for any characters and for one. No names with `all`
/// are all candidates.
pub fn expand(args: &[String], all: bool, candidates: &[String], done: &[String]) -> Expansion {
    let mut found = Expansion::default();
    if args.is_empty() && all {
        found.names = candidates.to_vec();
        return found;
    }
    for arg in args {
        let name = full_name(arg);
        if name.contains(['*', '?']) {
            let pattern: Vec<char> = name.chars().collect();
            for candidate in candidates {
                let text: Vec<char> = candidate.chars().collect();
                if matches(&pattern, &text) {
                    push_once(&mut found.names, candidate);
                }
            }
        } else if candidates.contains(&name) {
            push_once(&mut found.names, &name);
        } else if done.contains(&name) {
            push_once(&mut found.already, &name);
        } else {
            push_once(&mut found.unknown, &name);
        }
    }
    found
}

/// The stored form of a name: with its schema.
pub fn full_name(name: &str) -> String {
    QualifiedName::parse(name).fqname()
}

/// The candidate that `name` was probably meant to be. Schemas must be the same, else they would make everything similar.
pub fn near<'a>(name: &str, candidates: &'a [String]) -> Option<&'a str> {
    // A dot in the table's own name was taken for the end of the schema.
    let in_public = format!("public.{name}");
    if let Some(found) = candidates.iter().find(|c| **c == in_public) {
        return Some(found);
    }
    let (schema, bare) = name.split_once('.')?;
    let same_schema: Vec<(&str, &'a str)> = candidates
        .iter()
        .filter_map(|candidate| {
            let (other, rest) = candidate.split_once('.')?;
            (other == schema).then_some((rest, candidate.as_str()))
        })
        .collect();
    // Of one or two letters everything is a neighbour.
    if bare.chars().count() > 2
        && let Some(found) = nearest(bare, same_schema.iter().map(|(rest, _)| *rest))
    {
        return same_schema
            .iter()
            .find(|(rest, _)| *rest == found)
            .map(|(_, whole)| *whole);
    }
    // The right name in another schema.
    candidates
        .iter()
        .map(String::as_str)
        .find(|c| c.split_once('.').is_some_and(|(_, rest)| rest == bare))
}

/// Whether `arg`, a name or a pattern of the command line, stands for the table `name` among others.
pub fn picks(arg: &str, name: &str) -> bool {
    let arg: Vec<char> = full_name(arg).chars().collect();
    let name: Vec<char> = name.chars().collect();
    matches(&arg, &name)
}

fn push_once(list: &mut Vec<String>, name: &str) {
    if !list.iter().any(|n| n == name) {
        list.push(name.to_owned());
    }
}

/// Whether the whole of `text` is what `pattern` says.
fn matches(pattern: &[char], text: &[char]) -> bool {
    // The place to go back to when what follows the last star does not fit: one character more for the star.
    let mut retry: Option<(usize, usize)> = None;
    let (mut p, mut t) = (0, 0);
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match retry {
                Some((star, from)) => {
                    retry = Some((star, from + 1));
                    p = star + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: &[&str]) -> Vec<String> {
        names.iter().map(|n| (*n).to_owned()).collect()
    }

    #[test]
    fn names_and_patterns() {
        let candidates = list(&["public.t1", "public.t2", "public.other", "shop.t1"]);
        let done = list(&["public.t3"]);
        let expand = |args: &[&str], all| expand(&list(args), all, &candidates, &done);
        assert_eq!(expand(&["t?"], false).names, list(&["public.t1", "public.t2"]));
        assert_eq!(expand(&["*.t1"], false).names, list(&["public.t1", "shop.t1"]));
        assert_eq!(
            expand(&["o*r", "t1", "*"], false).names,
            list(&["public.other", "public.t1", "public.t2"])
        );
        assert_eq!(expand(&[], true).names, candidates);
        assert_eq!(expand(&[], false), Expansion::default());
        let mixed = expand(&["t3", "t4"], false);
        assert_eq!(
            (mixed.already, mixed.unknown),
            (list(&["public.t3"]), list(&["public.t4"]))
        );
    }

    #[test]
    fn a_slip_of_the_pen_is_found_in_the_same_schema() {
        let candidates = list(&["public.wide", "shop.orders", "public.order"]);
        assert_eq!(near("public.ordes", &candidates), Some("public.order"));
        assert_eq!(near("public.ins", &candidates), None);
        assert_eq!(near("public.o", &["public.a".to_owned()]), None);
        assert_eq!(near("a.b", &["public.a.b".to_owned()]), Some("public.a.b"));
        assert_eq!(near("public.orders", &candidates[..2]), Some("shop.orders"));
    }

    #[test]
    fn stars_go_back_as_far_as_needed() {
        let matches =
            |p: &str, t: &str| super::matches(&p.chars().collect::<Vec<_>>(), &t.chars().collect::<Vec<_>>());
        assert!(matches("a*b*c", "aXbXbYc"));
        assert!(!matches("a*b", "abc"));
        assert!(matches("*", ""));
        assert!(!matches("?", ""));
        assert!(matches("größe?", "größen"));
    }
}
