//! What a plan is made from: the tree as the nodes themselves describe it.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::node::NodeType;

/// One node that feeds a queue into another one, as one of its databases sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeFacts {
    /// The queue that is merged.
    pub queue: String,
    /// Its worker here.
    pub worker: String,
    /// Whether that stands still.
    pub is_paused: bool,
}

/// One node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeFacts {
    /// Its name.
    pub name: String,
    /// Root, branch or leaf.
    pub kind: NodeType,
    /// Whom it reads from; itself on a root.
    pub provider: String,
    /// Its worker.
    pub worker: String,
    /// Whether that stands still.
    pub is_paused: bool,
    /// The worker's position; on a root the newest tick.
    pub tick: i64,
    /// First and last tick of its own queue; none on a leaf.
    pub queue_range: Option<(i64, i64)>,
    /// Other cascaded consumers: name, provider, position, whether it stands still.
    pub consumers: Vec<(String, String, i64, bool)>,
    /// Queues that are merged into this one here.
    pub merges: Vec<MergeFacts>,
    /// Tables that take part and are not in sync.
    pub unready_tables: Vec<String>,
    /// Tables that take part and are in sync.
    pub ready_tables: Vec<String>,
    /// Whether a plan can be recorded there.
    pub can_record: bool,
}

/// The tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The queue.
    pub queue: String,
    /// The node whose job file the command was given.
    pub local: String,
    /// The nodes that answered.
    pub nodes: BTreeMap<String, NodeFacts>,
    /// Members that did not: why, or that they are dead.
    pub absent: BTreeMap<String, String>,
}

impl Facts {
    /// A node that has to be there.
    ///
    /// # Errors
    /// It is no member, it is dead, or it did not answer.
    pub fn node(&self, name: &str) -> Result<&NodeFacts> {
        if let Some(node) = self.nodes.get(name) {
            return Ok(node);
        }
        if let Some(why) = self.absent.get(name) {
            return Err(Error::refused(format!("node \"{name}\" is needed, but {why}")));
        }
        let names: Vec<&str> = self
            .nodes
            .keys()
            .chain(self.absent.keys())
            .map(String::as_str)
            .collect();
        Err(
            Error::not_found(format!("node \"{name}\" is not a member of the cascade"))
                .with_detail(format!("members: {}", names.join(", "))),
        )
    }

    /// The nodes from `name` up to the root, `name` first. It ends early at a node that is absent, or that was met before.
    pub fn chain(&self, name: &str) -> Vec<&str> {
        let mut chain: Vec<&str> = Vec::new();
        let mut next = self.nodes.get(name);
        while let Some(node) = next {
            if chain.contains(&node.name.as_str()) {
                break;
            }
            chain.push(&node.name);
            next = match node.kind {
                NodeType::Root => None,
                _ => self.nodes.get(&node.provider),
            };
            if next.is_none() && node.kind != NodeType::Root {
                chain.push(&node.provider);
            }
        }
        chain
    }

    /// Whether nobody has changed the tree between these two looks, as far as nodes answered in both; that they replay is no
    /// change.
    pub fn is_same_tree(&self, later: &Self) -> bool {
        // Consumers of copies come and go.
        let consumers = |node: &NodeFacts, other: &NodeFacts| -> Vec<(String, String, bool)> {
            let is_shared = |name: &String| other.consumers.iter().any(|(known, ..)| known == name);
            let shared = node.consumers.iter().filter(|(name, ..)| is_shared(name));
            shared
                .map(|(name, provider, _, is_paused)| (name.clone(), provider.clone(), *is_paused))
                .collect()
        };
        self.nodes
            .values()
            .filter_map(|node| Some((node, later.nodes.get(&node.name)?)))
            .all(|(node, later)| {
                (node.kind, &node.provider, node.is_paused) == (later.kind, &later.provider, later.is_paused)
                    && consumers(node, later) == consumers(later, node)
            })
    }

    /// The nodes that read from `name`, by their own word.
    pub fn subscribers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a NodeFacts> {
        self.nodes
            .values()
            .filter(move |node| node.provider == name && node.name != name && node.kind != NodeType::Root)
    }
}

#[cfg(test)]
pub(in crate::cascade) mod tests {
    use super::*;

    /// A node as it looks when all is well.
    pub fn node(
        name: &str,
        kind: NodeType,
        provider: &str,
        tick: i64,
        queue_range: Option<(i64, i64)>,
    ) -> NodeFacts {
        NodeFacts {
            name: name.to_owned(),
            kind,
            provider: provider.to_owned(),
            worker: format!("{name}_worker"),
            is_paused: false,
            tick,
            queue_range,
            consumers: Vec::new(),
            merges: Vec::new(),
            unready_tables: Vec::new(),
            ready_tables: vec!["public.t".to_owned()],
            can_record: true,
        }
    }

    /// Root a; branches b and c below it; leaf d and branch e below b.
    pub fn facts() -> Facts {
        let nodes = [
            node("a", NodeType::Root, "a", 99, Some((1, 99))),
            node("b", NodeType::Branch, "a", 98, Some((1, 98))),
            node("c", NodeType::Branch, "a", 90, Some((1, 90))),
            node("d", NodeType::Leaf, "b", 97, None),
            node("e", NodeType::Branch, "b", 97, Some((1, 97))),
        ];
        Facts {
            queue: "q".to_owned(),
            local: "a".to_owned(),
            nodes: nodes.into_iter().map(|node| (node.name.clone(), node)).collect(),
            absent: BTreeMap::new(),
        }
    }

    #[test]
    fn the_way_up_ends_at_the_root() {
        let facts = facts();
        assert_eq!(facts.chain("e"), ["e", "b", "a"]);
        assert_eq!(facts.chain("a"), ["a"]);
        assert_eq!(
            facts
                .subscribers("b")
                .map(|node| node.name.as_str())
                .collect::<Vec<_>>(),
            ["d", "e"]
        );
    }
}
