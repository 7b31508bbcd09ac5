//! The status tree: facts of the nodes become lines, in the ancestor's layout. Pure.
//!
//! Ancestor: a child stands below its provider if that is known, else it is a root of its own; children are ordered by
//! depth of their subtree, number of descendants, service, name; info lines start in column 31.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::NodeFacts;

/// Column where info lines start.
const INFO_COLUMN: usize = 30;
/// Width of titles in compact form.
const COMPACT_TITLE: usize = 60;
/// What is left of a line is not made narrower than this.
const LEAST_TEXT: usize = 20;

/// How the tree is drawn.
#[derive(Debug, Clone, Copy, Default)]
pub struct Look {
    /// One line per node.
    pub compact: bool,
    /// What is not well is red.
    pub colour: bool,
    /// Columns of the terminal: longer lines are broken. Scripts get whole lines.
    pub width: Option<usize>,
}

/// The tree of `nodes` as text.
pub fn render(nodes: &[NodeFacts], look: Look) -> String {
    let tree = Tree::of(nodes);
    let mut out = String::new();
    for root in &tree.roots {
        if look.compact {
            tree.push_compact(root, 0, look, &mut out);
        } else {
            out.push_str(&format!("{}\n", tree.nodes[root].title()));
            tree.push_below(root, "  ", look, &mut out);
        }
    }
    out
}

struct Tree<'a> {
    nodes: BTreeMap<&'a str, &'a NodeFacts>,
    children: BTreeMap<&'a str, Vec<&'a str>>,
    roots: Vec<&'a str>,
}

impl<'a> Tree<'a> {
    fn of(nodes: &'a [NodeFacts]) -> Self {
        let by_name: BTreeMap<&str, &NodeFacts> = nodes.iter().map(|n| (n.name.as_str(), n)).collect();
        let mut tree = Self {
            nodes: by_name,
            children: BTreeMap::new(),
            roots: Vec::new(),
        };
        for node in tree.nodes.values() {
            match node
                .provider
                .as_deref()
                .filter(|p| *p != node.name && tree.nodes.contains_key(p))
            {
                Some(provider) => tree.children.entry(provider).or_default().push(&node.name),
                None => tree.roots.push(&node.name),
            }
        }
        // Providers in a circle (a tree read in the middle of a change) would be printed nowhere: cut each circle at
        // its first name.
        let mut seen = BTreeSet::new();
        for root in &tree.roots {
            tree.mark(root, &mut seen);
        }
        let names: Vec<&str> = tree.nodes.keys().copied().collect();
        for name in names {
            if !seen.contains(name) {
                for children in tree.children.values_mut() {
                    children.retain(|child| *child != name);
                }
                tree.roots.push(name);
                tree.mark(name, &mut seen);
            }
        }
        let ranks: BTreeMap<&str, _> = tree.nodes.keys().map(|name| (*name, tree.rank(name))).collect();
        for list in tree.children.values_mut().chain([&mut tree.roots]) {
            list.sort_by_key(|name| ranks[name]);
        }
        tree
    }

    fn below(&self, name: &str) -> &[&'a str] {
        self.children.get(name).map_or(&[], Vec::as_slice)
    }

    fn mark(&self, name: &'a str, seen: &mut BTreeSet<&'a str>) {
        if seen.insert(name) {
            for child in self.below(name) {
                self.mark(child, seen);
            }
        }
    }

    /// Depth of the subtree, number of descendants, service, name.
    fn rank(&self, name: &'a str) -> (usize, usize, Option<&'a str>, &'a str) {
        let (depth, count) = self.size(name);
        (depth, count, self.nodes[name].service.as_deref(), name)
    }

    fn size(&self, name: &str) -> (usize, usize) {
        self.below(name)
            .iter()
            .map(|child| self.size(child))
            .fold((0, 0), |(depth, count), (d, c)| (depth.max(d + 1), count + c + 1))
    }

    fn push_below(&self, name: &str, prefix: &str, look: Look, out: &mut String) {
        let children = self.below(name);
        let pipe = if children.is_empty() {
            prefix.to_owned()
        } else {
            format!("{prefix}|")
        };
        for line in self.nodes[name].info_lines(look.colour) {
            for part in broken(
                &line,
                look.width.map(|w| w.saturating_sub(INFO_COLUMN.max(pipe.len()))),
            ) {
                out.push_str(&format!("{pipe:<INFO_COLUMN$}{part}\n"));
            }
        }
        for (nth, child) in children.iter().enumerate() {
            out.push_str(&format!("{prefix}+--: {}\n", self.nodes[child].title()));
            let bar = if nth + 1 < children.len() { "|  " } else { "   " };
            self.push_below(child, &format!("{prefix}{bar}"), look, out);
        }
    }

    fn push_compact(&self, name: &str, level: usize, look: Look, out: &mut String) {
        let node = self.nodes[name];
        let mut line = format!(
            "{:<COMPACT_TITLE$}",
            format!("{}{}", " ".repeat(3 * level), node.title())
        );
        for info in node.info_lines(look.colour) {
            // Ancestor: padded to 30 without a blank of its own, so that long ones run together; here one blank stays.
            line.push_str(&format!("{info:<29} "));
        }
        out.push_str(line.trim_end());
        out.push('\n');
        for child in self.below(name) {
            self.push_compact(child, level + 1, look, out);
        }
    }
}

/// A line in parts of at most `width` characters, broken at blanks; later parts are indented. Colours take no room.
fn broken(line: &str, width: Option<usize>) -> Vec<String> {
    let width = match width {
        Some(width) if line.chars().count() > width => width.max(LEAST_TEXT),
        _ => return vec![line.to_owned()],
    };
    let (start, text, end) = match line
        .strip_prefix("\u{1b}[31m")
        .and_then(|t| t.strip_suffix("\u{1b}[0m"))
    {
        Some(text) => ("\u{1b}[31m", text, "\u{1b}[0m"),
        None => ("", line, ""),
    };
    let mut parts: Vec<String> = Vec::new();
    let mut part = String::new();
    for word in text.split(' ') {
        if !part.trim().is_empty() && part.chars().count() + 1 + word.chars().count() > width {
            parts.push(std::mem::replace(&mut part, "  ".to_owned()));
        } else if !part.is_empty() {
            part.push(' ');
        }
        part.push_str(word);
    }
    parts.push(part);
    parts
        .into_iter()
        .map(|part| format!("{start}{part}{end}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::facts::TableCounts;
    use super::*;

    const COMPACT: Look = Look {
        compact: true,
        colour: false,
        width: None,
    };

    fn node(name: &str, node_type: &str, provider: &str) -> NodeFacts {
        NodeFacts {
            node_type: node_type.to_owned(),
            provider: Some(provider.to_owned()),
            tables: Some(TableCounts {
                ok: 0,
                half: 0,
                ignored: 0,
                broken: Vec::new(),
            }),
            dead: false,
            lag_seconds: Some(10.0),
            tick: Some(1),
            uptodate: true,
            ..NodeFacts::dead(name, None)
        }
    }

    fn sample() -> Vec<NodeFacts> {
        let mut nodes = vec![
            node("a", "root", "a"),
            node("b", "leaf", "a"),
            node("c", "branch", "a"),
            node("d", "branch", "a"),
            node("e", "leaf", "d"),
            node("f", "branch", "a"),
            node("g", "branch", "f"),
            node("h", "leaf", "g"),
            node("i", "branch", "a"),
            node("j", "leaf", "i"),
            node("k", "leaf", "i"),
        ];
        nodes[3].paused = true;
        nodes[3].uptodate = false;
        nodes[3].attrs = vec![("sync_watermark".to_owned(), "a,b".to_owned())];
        nodes[3].errors = vec![("job_d".to_owned(), "first line\nsecond".to_owned())];
        nodes
    }

    /// As printed by Londiste 3.11 for the same tree.
    #[test]
    fn the_tree_looks_as_the_ancestors() {
        let want = "\
a (root)
  |                           Tables: 0/0/0
  |                           Lag: 10s, Tick: 1
  +--: b (leaf)
  |                           Tables: 0/0/0
  |                           Lag: 10s, Tick: 1
  +--: c (branch)
  |                           Tables: 0/0/0
  |                           Lag: 10s, Tick: 1
  +--: d (branch)
  |  |                        Tables: 0/0/0
  |  |                        Lag: 10s, Tick: 1, PAUSED, NOT UPTODATE
  |  |                        Attr: sync_watermark=a,b
  |  |                        ERR: job_d: first line
  |  +--: e (leaf)
  |                           Tables: 0/0/0
  |                           Lag: 10s, Tick: 1
  +--: i (branch)
  |  |                        Tables: 0/0/0
  |  |                        Lag: 10s, Tick: 1
  |  +--: j (leaf)
  |  |                        Tables: 0/0/0
  |  |                        Lag: 10s, Tick: 1
  |  +--: k (leaf)
  |                           Tables: 0/0/0
  |                           Lag: 10s, Tick: 1
  +--: f (branch)
     |                        Tables: 0/0/0
     |                        Lag: 10s, Tick: 1
     +--: g (branch)
        |                     Tables: 0/0/0
        |                     Lag: 10s, Tick: 1
        +--: h (leaf)
                              Tables: 0/0/0
                              Lag: 10s, Tick: 1
";
        assert_eq!(render(&sample(), Look::default()), want);
    }

    #[test]
    fn compact_is_one_line_per_node() {
        let text = render(&sample()[..2], COMPACT);
        assert_eq!(
            text,
            "a (root)                                                    Tables: 0/0/0                 Lag: 10s, Tick: 1\n\
             \x20  b (leaf)                                                 Tables: 0/0/0                 Lag: 10s, Tick: 1\n"
        );
    }

    #[test]
    fn orphans_and_circles_are_roots_of_their_own() {
        let mut nodes = vec![
            node("a", "branch", "b"),
            node("b", "branch", "a"),
            node("c", "leaf", "gone"),
        ];
        nodes.push(NodeFacts::dead("d", Some("could not connect".to_owned())));
        let text = render(&nodes, COMPACT);
        let titles: Vec<&str> = text
            .lines()
            .map(|l| l.split("  ").find(|w| !w.is_empty()).unwrap().trim())
            .collect();
        assert_eq!(titles, ["c (leaf)", "d (dead)", "a (branch)", "b (branch)"]);
    }

    #[test]
    fn a_long_lag_is_red_on_a_terminal_only() {
        let mut late = node("a", "leaf", "b");
        late.lag_seconds = Some(61.0);
        assert!(late.info_lines(true)[1].contains("\u{1b}[31m"));
        assert!(!late.info_lines(false)[1].contains('\u{1b}'));
    }

    #[test]
    fn long_lines_are_broken_for_a_terminal() {
        let mut late = node("a", "leaf", "b");
        late.errors = vec![("w".to_owned(), "one two three four five six".to_owned())];
        let look = Look {
            width: Some(52),
            ..Look::default()
        };
        let text = render(&[late], look);
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        assert_eq!(
            lines[3..],
            [
                format!("{:30}ERR: w: one two three", ""),
                format!("{:30}  four five six", "")
            ]
        );
    }
}
