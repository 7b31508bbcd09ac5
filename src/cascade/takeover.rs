//! The plan by which a node takes the place of another one that is alive (cascade.md 10.4 and 10.6).
//!
//! A root: everything slow comes first, while the old root is open: the new one catches up, the others move below it. Then
//! the old root is closed, makes its last tick, and the new one, once it has that, is opened. Only then the rest: the old
//! root becomes a branch of the new one, and nobody is told to forget anything before.

use super::change_provider::{check_provider, moves};
use super::plan::{Action, Facts, NodeFacts, Reader};
use crate::error::{Error, Result};
use crate::node::NodeType;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// The node whose place is taken.
    pub old: String,
    /// The node that takes it.
    pub new: String,
    /// Whether the other readers of the old node come below the new one.
    pub all: bool,
}

/// The steps; none when the place is taken already.
///
/// # Errors
/// What can be known before anything is touched.
pub fn plan_takeover(facts: &Facts, request: &Request) -> Result<Vec<Action>> {
    let (old, new) = (facts.node(&request.old)?, facts.node(&request.new)?);
    if old.name == new.name {
        return Err(
            Error::refused(format!("node \"{}\" cannot take its own place", old.name)).with_hint(
                "run this with the job file of the node that takes over, or name that with --target",
            ),
        );
    }
    if new.kind == NodeType::Leaf {
        return Err(Error::refused(format!(
            "node \"{}\" is a leaf: it cannot feed other nodes",
            new.name
        ))
        .with_hint("only a branch can take the place of another node"));
    }
    if old.kind == NodeType::Root {
        plan_root(facts, old, new, request.all)
    } else {
        plan_branch(facts, old, new, request.all)
    }
}

/// The tail of a plan: who is told to forget whom when nobody needs it any more.
struct Forget(Vec<Action>);

impl Forget {
    fn push(&mut self, provider: &str, reader: &Reader) {
        self.0.push(Action::Unsubscribe {
            provider: provider.to_owned(),
            reader: reader.clone(),
        });
    }
}

fn worker_of(node: &NodeFacts) -> Reader {
    Reader::worker(&node.name, &node.worker)
}

fn plan_root(facts: &Facts, old: &NodeFacts, new: &NodeFacts, all: bool) -> Result<Vec<Action>> {
    if new.kind == NodeType::Root {
        return Err(Error::refused(format!(
            "both node \"{}\" and node \"{}\" are roots",
            old.name, new.name
        ))
        .with_hint("an interrupted takeover? look with \"londiste status\""));
    }
    if !facts.chain(&new.name).contains(&old.name.as_str()) {
        return Err(Error::refused(format!(
            "node \"{}\" does not read from root \"{}\"",
            new.name, old.name
        ))
        .with_detail(format!(
            "the way up from it: {}",
            facts.chain(&new.name).join(" -> ")
        )));
    }
    check_tables(old, new)?;
    check_merges(old, new)?;
    let mut forget = Forget(Vec::new());
    let mut actions = Vec::new();
    if new.is_paused {
        actions.push(Action::Resume {
            queue: None,
            reader: worker_of(new),
            back_to: None,
        });
    }
    let siblings: Vec<&NodeFacts> = facts
        .subscribers(&old.name)
        .filter(|node| all && node.name != new.name)
        .collect();
    let mut provider = new.provider.clone();
    // Nobody may be moved below a node that reads from it.
    let chain = facts.chain(&new.name);
    if siblings.iter().any(|node| chain.contains(&node.name.as_str())) {
        check_provider(facts, new, &worker_of(new), &old.name, new.tick)?;
        actions.extend(moves(&worker_of(new), &provider, &old.name, false));
        forget.push(&provider, &worker_of(new));
        provider = old.name.clone();
    }
    actions.push(Action::CatchUp {
        node: new.name.clone(),
        of: old.name.clone(),
    });
    for node in siblings {
        check_sibling(node, new)?;
        actions.extend(moves(&worker_of(node), &old.name, &new.name, node.is_paused));
        forget.push(&old.name, &worker_of(node));
    }
    for merge in &old.merges {
        if !merge.is_paused {
            actions.push(Action::Pause {
                queue: Some(merge.queue.clone()),
                reader: Reader::worker(&old.name, &merge.worker),
            });
        }
        actions.push(Action::MeetMerge {
            queue: merge.queue.clone(),
            from: old.name.clone(),
            to: new.name.clone(),
        });
    }
    let old_worker = worker_of(old);
    actions.extend([
        Action::Tidy {
            node: new.name.clone(),
        },
        Action::Pause {
            queue: None,
            reader: old_worker.clone(),
        },
        Action::CatchUp {
            node: new.name.clone(),
            of: old.name.clone(),
        },
        Action::Close {
            root: old.name.clone(),
        },
        Action::LastTick {
            root: old.name.clone(),
        },
        Action::Reach {
            node: new.name.clone(),
        },
        Action::CarrySequences {
            from: old.name.clone(),
            to: new.name.clone(),
        },
        Action::Promote {
            node: new.name.clone(),
        },
        Action::Subscribe {
            provider: new.name.clone(),
            reader: old_worker.clone(),
        },
        Action::Demote {
            node: old.name.clone(),
            provider: new.name.clone(),
        },
    ]);
    forget.push(&provider, &worker_of(new));
    actions.push(Action::Resume {
        queue: None,
        reader: old_worker,
        back_to: None,
    });
    for merge in old.merges.iter().filter(|merge| !merge.is_paused) {
        actions.push(Action::Resume {
            queue: Some(merge.queue.clone()),
            reader: Reader::worker(&old.name, &merge.worker),
            back_to: None,
        });
    }
    actions.extend(forget.0);
    actions.push(Action::Tidy {
        node: old.name.clone(),
    });
    Ok(actions)
}

fn plan_branch(facts: &Facts, old: &NodeFacts, new: &NodeFacts, all: bool) -> Result<Vec<Action>> {
    let mut forget = Forget(Vec::new());
    let mut actions = Vec::new();
    if facts.chain(&new.name).contains(&old.name.as_str()) {
        let above = facts.node(&old.provider)?;
        check_provider(facts, new, &worker_of(new), &above.name, new.tick)?;
        actions.extend(moves(&worker_of(new), &new.provider, &above.name, new.is_paused));
        forget.push(&new.provider, &worker_of(new));
    }
    if all {
        for node in facts.subscribers(&old.name).filter(|node| node.name != new.name) {
            // Who stands between the two reads from the old node no more once the new one has moved.
            check_sibling(node, new)?;
            actions.extend(moves(&worker_of(node), &old.name, &new.name, node.is_paused));
            forget.push(&old.name, &worker_of(node));
        }
    }
    if old.provider != new.name {
        check_sibling(old, new)?;
        actions.extend(moves(&worker_of(old), &old.provider, &new.name, old.is_paused));
        forget.push(&old.provider, &worker_of(old));
    }
    actions.extend(forget.0);
    Ok(actions)
}

/// Refuses to move `node` below a node that has not kept its tick.
fn check_sibling(node: &NodeFacts, new: &NodeFacts) -> Result<()> {
    match new.queue_range {
        Some((first, _)) if first > node.tick => Err(Error::refused(format!(
            "node \"{}\" has not kept tick {}, where node \"{}\" stands",
            new.name, node.tick, node.name
        ))
        .with_detail(format!("its queue begins at tick {first}"))),
        _ => Ok(()),
    }
}

/// What the old root replicates must be in sync on the new one, or it would not be replicated any more.
fn check_tables(old: &NodeFacts, new: &NodeFacts) -> Result<()> {
    let unready: Vec<&str> = new.unready_tables.iter().map(String::as_str).collect();
    if !unready.is_empty() {
        return Err(Error::refused(format!(
            "tables are not in sync on node \"{}\": {}",
            new.name,
            unready.join(", ")
        ))
        .with_hint("\"londiste wait-sync\" waits for them"));
    }
    let missing: Vec<&str> = old
        .ready_tables
        .iter()
        .filter(|table| !new.ready_tables.contains(table))
        .map(String::as_str)
        .collect();
    if !missing.is_empty() {
        return Err(Error::refused(format!(
            "tables of root \"{}\" are not on node \"{}\": {}",
            old.name,
            new.name,
            missing.join(", ")
        ))
        .with_hint("add them there (\"londiste add-table\"), or remove them from the root"));
    }
    Ok(())
}

/// Both must be targets of the same merges.
fn check_merges(old: &NodeFacts, new: &NodeFacts) -> Result<()> {
    let names = |node: &NodeFacts| -> Vec<String> { node.merges.iter().map(|m| m.queue.clone()).collect() };
    let (here, there) = (names(old), names(new));
    if here == there {
        return Ok(());
    }
    Err(Error::refused(format!(
        "different queues are merged on node \"{}\" and on node \"{}\"",
        old.name, new.name
    ))
    .with_detail(format!(
        "on \"{}\": {}; on \"{}\": {}",
        old.name,
        here.join(", "),
        new.name,
        there.join(", ")
    ))
    .with_hint("make the same merge leaves on both first"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cascade::plan::facts::tests::facts;

    fn plan(facts: &Facts, old: &str, new: &str, all: bool) -> Result<Vec<Action>> {
        plan_takeover(
            facts,
            &Request {
                old: old.to_owned(),
                new: new.to_owned(),
                all,
            },
        )
    }

    fn place(actions: &[Action], wanted: impl Fn(&Action) -> bool) -> usize {
        actions.iter().position(wanted).expect("the step")
    }

    /// C-06: who is moved first would find that the new root lacks his tick.
    #[test]
    fn the_new_root_catches_up_before_others_move_below_it() {
        let actions = plan(&facts(), "a", "b", true).expect("a plan");
        let caught_up = place(&actions, |a| matches!(a, Action::CatchUp { .. }));
        let moved = place(&actions, |a| matches!(a, Action::Point { .. }));
        let closed = place(&actions, |a| matches!(a, Action::Close { .. }));
        assert!(caught_up < moved && moved < closed);
    }

    #[test]
    fn nothing_slow_and_no_forgetting_lies_between_closing_and_opening() {
        let actions = plan(&facts(), "a", "b", true).expect("a plan");
        let closed = place(&actions, |a| matches!(a, Action::Close { .. }));
        let opened = place(&actions, |a| matches!(a, Action::Promote { .. }));
        let between: Vec<&str> = actions[closed + 1..opened].iter().map(Action::kind).collect();
        assert_eq!(between, ["last-tick", "reach", "carry-sequences"]);
        let forgotten = place(&actions, |a| matches!(a, Action::Unsubscribe { .. }));
        assert!(forgotten > opened);
    }

    #[test]
    fn nobody_is_moved_below_a_node_that_reads_from_it() {
        // e reads from b, which has to move below e: so e first reads from a.
        let actions = plan(&facts(), "a", "e", true).expect("a plan");
        let points: Vec<(&str, &str)> = actions
            .iter()
            .filter_map(|action| match action {
                Action::Point { reader, to, .. } => Some((reader.node.as_str(), to.as_str())),
                _ => None,
            })
            .collect();
        assert_eq!(points, [("e", "a"), ("b", "e"), ("c", "e")]);
        // A branch likewise.
        let actions = plan(&facts(), "b", "e", false).expect("a plan");
        let points: Vec<&str> = actions
            .iter()
            .filter(|action| matches!(action, Action::Point { .. }))
            .map(Action::place)
            .collect();
        assert_eq!(points, ["e", "b"]);
    }

    #[test]
    fn a_node_without_the_tables_is_refused() {
        let mut facts = facts();
        let words = |facts: &Facts| {
            plan(facts, "a", "b", false)
                .expect_err("a refusal")
                .message()
                .to_owned()
        };
        facts.nodes.get_mut("b").expect("b").ready_tables.clear();
        assert!(words(&facts).contains("are not on node \"b\": public.t"));
        facts
            .nodes
            .get_mut("b")
            .expect("b")
            .unready_tables
            .push("public.t".to_owned());
        assert!(words(&facts).contains("are not in sync on node \"b\": public.t"));
    }
}
