//! The status tree: facts of the nodes become lines, in the ancestor's layout. Pure.
//!
//! Ancestor: a child stands below its provider if that is known, else it is a root of its own; children are ordered by
//! depth of their subtree, number of descendants, service, name; info lines start in column 31.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::lag::format_lag;

/// Column where info lines start.
const INFO_COLUMN: usize = 30;
/// Width of titles in compact form.
const COMPACT_TITLE: usize = 60;
/// Lag in seconds above which it is shown in red on a terminal.
const RED_LAG: f64 = 60.0;

/// How many tables of the queue are in sync, on the way, not attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TableCounts {
    /// Attached with state `ok`.
    pub ok: i64,
    /// Attached with another state.
    pub half: i64,
    /// Registered, not attached.
    pub ignored: i64,
}

/// What is known about one node; the JSON form of `status` is a list of these.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NodeFacts {
    /// The node's name.
    pub name: String,
    /// `root`, `branch`, `leaf`, or `dead` when it is tagged so or cannot be reached.
    #[serde(rename = "type")]
    pub node_type: String,
    /// Whom it reads from; itself or nothing on a root.
    pub provider: Option<String>,
    /// `service` of its location.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Its tables.
    pub tables: Option<TableCounts>,
    /// Seconds behind the root; on a root since the last tick.
    pub lag_seconds: Option<f64>,
    /// Position of its worker; on a root the newest tick.
    pub tick: Option<i64>,
    /// Whether its worker was told to stand still.
    pub paused: bool,
    /// Whether its worker has seen the newest settings.
    pub uptodate: bool,
    /// Attributes of the node.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attrs: Vec<(String, String)>,
    /// Consumer and stored error.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<(String, String)>,
    /// Why it could not be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

impl NodeFacts {
    /// A node of which nothing but the name is known.
    pub fn dead(name: &str, failure: Option<String>) -> Self {
        Self {
            name: name.to_owned(),
            node_type: "dead".to_owned(),
            provider: None,
            service: None,
            tables: None,
            lag_seconds: None,
            tick: None,
            paused: false,
            uptodate: false,
            attrs: Vec::new(),
            errors: Vec::new(),
            failure,
        }
    }

    /// `name (type)` or `name (type, service)`.
    pub fn title(&self) -> String {
        match &self.service {
            Some(service) => format!("{} ({}, {service})", self.name, self.node_type),
            None => format!("{} ({})", self.name, self.node_type),
        }
    }

    /// The lines that stand beside the tree; `colour` marks a lag of more than a minute.
    pub fn info_lines(&self, colour: bool) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(tables) = self.tables {
            lines.push(format!(
                "Tables: {}/{}/{}",
                tables.ok, tables.half, tables.ignored
            ));
        }
        if self.node_type != "dead" {
            let mut line = format!("Lag: {}", format_lag(self.lag_seconds));
            if colour && self.lag_seconds.is_some_and(|lag| lag > RED_LAG) {
                line = format!("\u{1b}[31m{line}\u{1b}[0m");
            }
            if let Some(tick) = self.tick {
                line.push_str(&format!(", Tick: {tick}"));
            }
            if self.paused {
                line.push_str(", PAUSED");
            }
            if !self.uptodate {
                line.push_str(", NOT UPTODATE");
            }
            lines.push(line);
        }
        lines.extend(
            self.attrs
                .iter()
                .map(|(key, value)| format!("Attr: {key}={value}")),
        );
        lines.extend(
            self.errors
                .iter()
                .map(|(consumer, error)| format!("ERR: {consumer}: {}", error.lines().next().unwrap_or(""))),
        );
        lines.extend(self.failure.iter().map(|failure| format!("ERR: {failure}")));
        lines
    }
}

/// The tree of `nodes` as text.
pub fn render(nodes: &[NodeFacts], compact: bool, colour: bool) -> String {
    let tree = Tree::of(nodes);
    let mut out = String::new();
    for root in &tree.roots {
        if compact {
            tree.push_compact(root, 0, colour, &mut out);
        } else {
            out.push_str(&format!("{}\n", tree.nodes[root].title()));
            tree.push_below(root, "  ", colour, &mut out);
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

    fn push_below(&self, name: &str, prefix: &str, colour: bool, out: &mut String) {
        let children = self.below(name);
        let pipe = if children.is_empty() {
            prefix.to_owned()
        } else {
            format!("{prefix}|")
        };
        for line in self.nodes[name].info_lines(colour) {
            out.push_str(&format!("{pipe:<INFO_COLUMN$}{line}\n"));
        }
        for (nth, child) in children.iter().enumerate() {
            out.push_str(&format!("{prefix}+--: {}\n", self.nodes[child].title()));
            let bar = if nth + 1 < children.len() { "|  " } else { "   " };
            self.push_below(child, &format!("{prefix}{bar}"), colour, out);
        }
    }

    fn push_compact(&self, name: &str, level: usize, colour: bool, out: &mut String) {
        let node = self.nodes[name];
        let mut line = format!(
            "{:<COMPACT_TITLE$}",
            format!("{}{}", " ".repeat(3 * level), node.title())
        );
        for info in node.info_lines(colour) {
            // Ancestor: padded to 30 without a blank of its own, so that long ones run together; here one blank stays.
            line.push_str(&format!("{info:<29} "));
        }
        out.push_str(line.trim_end());
        out.push('\n');
        for child in self.below(name) {
            self.push_compact(child, level + 1, colour, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, node_type: &str, provider: &str) -> NodeFacts {
        NodeFacts {
            node_type: node_type.to_owned(),
            provider: Some(provider.to_owned()),
            tables: Some(TableCounts {
                ok: 0,
                half: 0,
                ignored: 0,
            }),
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
        assert_eq!(render(&sample(), false, false), want);
    }

    #[test]
    fn compact_is_one_line_per_node() {
        let text = render(&sample()[..2], true, false);
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
        let text = render(&nodes, true, false);
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
}
