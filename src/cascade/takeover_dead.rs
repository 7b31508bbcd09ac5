//! The plans by which a node takes the place of a dead one (cascade.md 10.5 and 10.6).
//!
//! A root: the node that has come furthest takes its place, or the one that was named, once it has what that one has.
//! Everybody who read from the dead root stands still meanwhile, so nobody gets further. The others come after the new root
//! is open; a leaf that had got more than any branch goes back to what the new root has. (The ancestor moves the others
//! first, which cannot work when one of them is ahead, C-06.)

use std::cmp::Reverse;

use super::change_provider::{check_provider, moves};
use super::plan::{Action, Facts, NodeFacts, Reader};
use crate::error::{Error, Result};
use crate::node::NodeType;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// The dead node.
    pub old: String,
    /// The node that takes its place; none: the one that suits best.
    pub new: Option<String>,
}

/// Who takes the place, and the steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Succession {
    /// The node.
    pub new: String,
    /// The steps.
    pub actions: Vec<Action>,
    /// What the plan cannot care for, in words.
    pub warnings: Vec<String>,
}

fn worker_of(node: &NodeFacts) -> Reader {
    Reader::worker(&node.name, &node.worker)
}

fn top(node: &NodeFacts) -> i64 {
    node.queue_range
        .map_or(node.tick, |(_, last)| last.max(node.tick))
}

/// Refuses what is no dead member.
fn check_dead(facts: &Facts, old: &str) -> Result<()> {
    if facts.absent.contains_key(old) {
        return Ok(());
    }
    facts.node(old)?;
    Err(Error::refused(format!("node \"{old}\" is not dead: it answers"))
        .with_hint("without --dead-root and --dead-branch it hands over in order, and nothing is lost"))
}

fn live_root(facts: &Facts) -> Option<&NodeFacts> {
    facts.nodes.values().find(|node| node.kind == NodeType::Root)
}

fn everybody(facts: &Facts) -> Vec<String> {
    facts.nodes.keys().cloned().collect()
}

/// The cascaded consumers, other than workers and copies, that read from `old`.
fn consumers_of<'a>(facts: &'a Facts, old: &'a str) -> impl Iterator<Item = (&'a NodeFacts, Reader)> {
    facts.nodes.values().flat_map(move |node| {
        let copies = format!("{}.copy.", node.worker);
        node.consumers
            .iter()
            .filter(move |(name, provider, ..)| provider == old && !name.starts_with(&copies))
            .map(move |(name, ..)| {
                let reader = Reader {
                    node: node.name.clone(),
                    consumer: name.clone(),
                    is_worker: false,
                };
                (node, reader)
            })
    })
}

/// The steps by which a reader comes from one provider to another, one of which may be the dead node: its worker need not
/// answer then, and the dead node is no place to go back to.
fn moved(reader: &Reader, from: &str, to: &str, is_paused: bool, dead: &str) -> Vec<Action> {
    let actions = moves(reader, from, to, is_paused).into_iter();
    let eased = actions.map(|action| match action {
        Action::Pause { reader, .. } if from == dead => Action::Halt { reader },
        Action::Resume { queue, reader, .. } if from == dead => Action::Resume {
            queue,
            reader,
            back_to: None,
        },
        other => other,
    });
    eased.collect()
}

/// The steps that make another node the root.
///
/// # Errors
/// What can be known before anything is touched.
pub fn plan_dead_root(facts: &Facts, request: &Request) -> Result<Succession> {
    let old = request.old.as_str();
    check_dead(facts, old)?;
    if let Some(root) = live_root(facts) {
        return Err(
            Error::refused(format!("node \"{old}\" is not the root: \"{}\" is", root.name)).with_hint(
                "for a dead branch or leaf: --dead-branch; for an old root that is gone for good: drop-node",
            ),
        );
    }
    let branches = || facts.nodes.values().filter(|node| node.kind == NodeType::Branch);
    let feeds = |node: &NodeFacts| facts.subscribers(&node.name).count();
    let best = branches()
        .min_by_key(|node| (Reverse(top(node)), node.name != facts.local, Reverse(feeds(node))))
        .ok_or_else(|| {
            Error::refused("no branch is left that could be the root")
                .with_hint("a leaf has no queue: create a new root")
        })?;
    let new = match &request.new {
        Some(name) => facts.node(name)?,
        None => best,
    };
    if new.kind == NodeType::Leaf {
        return Err(Error::refused(format!(
            "node \"{}\" is a leaf: it cannot feed other nodes",
            new.name
        ))
        .with_hint("only a branch can take the place of the root"));
    }
    let mut warnings = Vec::new();
    if !new.unready_tables.is_empty() {
        warnings.push(format!(
            "tables are not in sync on \"{}\" and will lack rows: {}",
            new.name,
            new.unready_tables.join(", ")
        ));
    }

    let mut actions = vec![Action::Tag {
        node: old.to_owned(),
        dead: true,
        on: everybody(facts),
    }];
    let mut former = Some(new.provider.clone()).filter(|provider| provider != old);
    if top(new) < top(best) {
        if new.is_paused {
            actions.push(Action::Resume {
                queue: None,
                reader: worker_of(new),
                back_to: None,
            });
        }
        if !facts.chain(&new.name).contains(&best.name.as_str()) {
            check_provider(facts, new, &worker_of(new), &best.name, new.tick)?;
            actions.extend(moved(&worker_of(new), &new.provider, &best.name, false, old));
            if let Some(former) = former.replace(best.name.clone()) {
                actions.push(Action::Unsubscribe {
                    provider: former,
                    reader: worker_of(new),
                });
            }
        }
        actions.push(Action::CatchUp {
            node: new.name.clone(),
            of: best.name.clone(),
        });
    }

    // Who reads from the dead root, and the new one.
    let siblings: Vec<&NodeFacts> = facts
        .subscribers(old)
        .filter(|node| node.name != new.name)
        .collect();
    let halted = |node: &NodeFacts| Action::Halt {
        reader: worker_of(node),
    };
    let is_asleep = |node: &NodeFacts| node.is_paused && !(node.name == new.name && top(new) < top(best));
    actions.extend(
        siblings
            .iter()
            .copied()
            .chain([new])
            .filter(|node| !is_asleep(node))
            .map(halted),
    );
    actions.push(Action::Lead {
        node: new.name.clone(),
        others: branches()
            .filter(|node| node.name != new.name)
            .map(|node| node.name.clone())
            .collect(),
    });
    actions.push(Action::Gravestone {
        node: new.name.clone(),
        dead: old.to_owned(),
    });
    actions.push(Action::Promote {
        node: new.name.clone(),
    });
    actions.push(Action::Resume {
        queue: None,
        reader: worker_of(new),
        back_to: None,
    });
    // Now the new root sends it on to whoever could not be reached.
    actions.push(Action::Tag {
        node: old.to_owned(),
        dead: true,
        on: vec![new.name.clone()],
    });
    for node in siblings {
        if let Some((first, _)) = new.queue_range
            && first > node.tick
        {
            warnings.push(format!(
                "node \"{}\" is at tick {}, which \"{}\" has not kept: create it anew",
                node.name, node.tick, new.name
            ));
            continue;
        }
        let reader = worker_of(node);
        actions.push(Action::GoBack {
            reader: reader.clone(),
            provider: new.name.clone(),
            dead: old.to_owned(),
        });
        actions.push(Action::Subscribe {
            provider: new.name.clone(),
            reader: reader.clone(),
        });
        actions.push(Action::Point {
            reader: reader.clone(),
            to: new.name.clone(),
            from: old.to_owned(),
        });
        if !node.is_paused {
            actions.push(Action::Resume {
                queue: None,
                reader,
                back_to: None,
            });
        }
    }
    for (node, reader) in consumers_of(facts, old) {
        // On the new root a consumer reads what is born there.
        if node.tick > top(new) {
            warnings.push(format!(
                "consumer \"{}\" of \"{}\" may have read what is lost",
                reader.consumer, node.name
            ));
        }
        actions.push(Action::Subscribe {
            provider: new.name.clone(),
            reader: reader.clone(),
        });
        actions.push(Action::Point {
            reader,
            to: new.name.clone(),
            from: old.to_owned(),
        });
    }
    if let Some(former) = former.filter(|former| facts.nodes.contains_key(former)) {
        actions.push(Action::Unsubscribe {
            provider: former,
            reader: worker_of(new),
        });
    }
    Ok(Succession {
        new: new.name.clone(),
        actions,
        warnings,
    })
}

/// The steps that put the nodes below a dead branch below another one. For a dead leaf there is nobody to be put.
///
/// # Errors
/// What can be known before anything is touched.
pub fn plan_dead_branch(facts: &Facts, request: &Request) -> Result<Succession> {
    let old = request.old.as_str();
    check_dead(facts, old)?;
    let root = live_root(facts).ok_or_else(|| {
        Error::refused("no root answers").with_hint(format!(
            "was \"{old}\" the root? then: takeover {old} --dead-root"
        ))
    })?;
    let new = match &request.new {
        Some(name) => facts.node(name)?,
        None => root,
    };
    let mut actions = vec![Action::Tag {
        node: old.to_owned(),
        dead: true,
        on: everybody(facts),
    }];
    let mut orphans: Vec<&NodeFacts> = facts.subscribers(old).collect();
    // The new one first, below the root, then the others below it.
    orphans.sort_by_key(|node| node.name != new.name);
    let mut below_old = facts.clone();
    for node in orphans {
        let to = if node.name == new.name { root } else { new };
        check_provider(&below_old, node, &worker_of(node), &to.name, node.tick)?;
        actions.extend(moved(&worker_of(node), old, &to.name, node.is_paused, old));
        if let Some(orphan) = below_old.nodes.get_mut(&node.name) {
            orphan.provider.clone_from(&to.name);
        }
    }
    for (_, reader) in consumers_of(facts, old) {
        actions.push(Action::Subscribe {
            provider: new.name.clone(),
            reader: reader.clone(),
        });
        actions.push(Action::Point {
            reader,
            to: new.name.clone(),
            from: old.to_owned(),
        });
    }
    Ok(Succession {
        new: new.name.clone(),
        actions,
        warnings: Vec::new(),
    })
}

/// The steps by which the former root `node` comes back below `provider`, where its gravestone is. `members` are all that
/// are to hear that it lives; `elsewhere` are its former subscribers that read from others by now.
pub fn plan_return(
    node: &NodeFacts,
    provider: &str,
    file: &str,
    members: Vec<String>,
    elsewhere: Vec<String>,
) -> Result<Vec<Action>> {
    if node.kind == NodeType::Leaf {
        return Err(Error::refused(format!(
            "node \"{}\" is a leaf: only a root is resurrected",
            node.name
        )));
    }
    let reader = worker_of(node);
    let mut actions = Vec::new();
    if node.kind == NodeType::Root {
        actions.extend([
            Action::Halt {
                reader: reader.clone(),
            },
            Action::Close {
                root: node.name.clone(),
            },
            Action::LastTick {
                root: node.name.clone(),
            },
            Action::Report {
                node: node.name.clone(),
                provider: provider.to_owned(),
                file: file.to_owned(),
            },
            Action::Rejoin {
                reader: reader.clone(),
                provider: provider.to_owned(),
                forget: elsewhere,
            },
        ]);
    }
    actions.extend([
        Action::Admit {
            provider: provider.to_owned(),
            reader: reader.clone(),
        },
        Action::Tag {
            node: node.name.clone(),
            dead: false,
            on: members,
        },
        Action::Resume {
            queue: None,
            reader,
            back_to: None,
        },
        Action::Tidy {
            node: node.name.clone(),
        },
    ]);
    Ok(actions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, kind: NodeType, provider: &str, tick: i64) -> NodeFacts {
        NodeFacts {
            name: name.to_owned(),
            kind,
            provider: provider.to_owned(),
            worker: format!("{name}_worker"),
            is_paused: false,
            tick,
            queue_range: (kind != NodeType::Leaf).then_some((1, tick)),
            consumers: Vec::new(),
            merges: Vec::new(),
            unready_tables: Vec::new(),
            ready_tables: Vec::new(),
            can_record: true,
        }
    }

    /// Root a is gone; branches b and c, leaf d below it; leaf e below b.
    fn facts(b: i64, c: i64, d: i64) -> Facts {
        let nodes = [
            node("b", NodeType::Branch, "a", b),
            node("c", NodeType::Branch, "a", c),
            node("d", NodeType::Leaf, "a", d),
            node("e", NodeType::Leaf, "b", b),
        ];
        Facts {
            queue: "q".to_owned(),
            local: "c".to_owned(),
            nodes: nodes.into_iter().map(|node| (node.name.clone(), node)).collect(),
            absent: [("a".to_owned(), "it is dead".to_owned())].into(),
        }
    }

    fn plan(facts: &Facts, new: Option<&str>) -> Result<Succession> {
        let request = Request {
            old: "a".to_owned(),
            new: new.map(str::to_owned),
        };
        plan_dead_root(facts, &request)
    }

    fn kinds(actions: &[Action]) -> String {
        let kinds: Vec<String> = actions
            .iter()
            .map(|action| format!("{} {}", action.kind(), action.place()))
            .collect();
        kinds.join(", ")
    }

    #[test]
    fn the_furthest_branch_is_chosen() {
        assert_eq!(plan(&facts(7, 5, 5), None).unwrap().new, "b");
        assert_eq!(plan(&facts(5, 7, 9), None).unwrap().new, "c");
        assert_eq!(
            plan(&facts(5, 5, 5), None).unwrap().new,
            "c",
            "the local one of equals"
        );
    }

    #[test]
    fn a_named_node_is_brought_up_before_anybody_moves() {
        let plan = plan(&facts(7, 5, 5), Some("c")).unwrap();
        let text = kinds(&plan.actions);
        assert!(
            text.starts_with("tag a, reserve b, halt c, subscribe b, point c, resume c, catch-up c, halt b, halt d, halt c, lead c"),
            "{text}"
        );
        let promoted = text.find("promote c").expect("a new root");
        for moved in ["point b", "point d"] {
            assert!(text.find(moved).is_some_and(|at| at > promoted), "{text}");
        }
        assert!(text.ends_with("unsubscribe b"), "{text}");
        assert!(!text.contains("point e"), "who reads from b stays there: {text}");
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let mut alive = facts(5, 5, 5);
        alive.absent.clear();
        alive
            .nodes
            .insert("a".to_owned(), node("a", NodeType::Root, "a", 9));
        assert!(plan(&alive, None).unwrap_err().message().contains("not dead"));
        assert!(
            plan(&facts(5, 5, 5), Some("d"))
                .unwrap_err()
                .message()
                .contains("leaf")
        );
        let mut other = facts(5, 5, 5);
        other
            .nodes
            .insert("r".to_owned(), node("r", NodeType::Root, "r", 9));
        assert!(plan(&other, None).unwrap_err().message().contains("not the root"));
    }

    #[test]
    fn orphans_of_a_branch_come_below_the_root_or_the_one_that_was_named() {
        let mut facts = facts(5, 5, 5);
        facts
            .nodes
            .insert("r".to_owned(), node("r", NodeType::Root, "r", 9));
        let plan = |new: Option<&str>| {
            let request = Request {
                old: "a".to_owned(),
                new: new.map(str::to_owned),
            };
            plan_dead_branch(&facts, &request).unwrap().actions
        };
        let points = |actions: &[Action]| -> String {
            let points: Vec<String> = actions
                .iter()
                .filter_map(|action| match action {
                    Action::Point { reader, to, .. } => Some(format!("{} {to}", reader.node)),
                    _ => None,
                })
                .collect();
            points.join(", ")
        };
        assert_eq!(points(&plan(None)), "b r, c r, d r");
        assert_eq!(points(&plan(Some("c"))), "c r, b c, d c");
    }
}
