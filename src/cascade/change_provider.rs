//! The plan by which a node, or a consumer of it, comes to read from another provider (cascade.md 10.3).
//!
//! Both providers keep what the reader needs from before it stands still until it reads from the new one, so that neither
//! can rotate the tick away meanwhile, and whoever stops in between can go on or back.

use super::plan::{Action, Facts, NodeFacts, Reader};
use crate::error::{Error, ErrorKind, Result};
use crate::node::NodeType;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// The node whose provider changes.
    pub node: String,
    /// A consumer of it, instead of its worker.
    pub consumer: Option<String>,
    /// The new provider.
    pub provider: String,
}

/// The steps; none when it reads from there already.
///
/// # Errors
/// What can be known before anything is touched: the new provider is the node itself, reads from it, is a leaf, is away, or
/// has not kept the tick where the reader stands.
pub fn plan_change_provider(facts: &Facts, request: &Request) -> Result<Vec<Action>> {
    let node = facts.node(&request.node)?;
    let (reader, from, tick, is_paused) = find_reader(node, request.consumer.as_deref())?;
    if from == request.provider {
        return Ok(Vec::new());
    }
    check_provider(facts, node, &reader, &request.provider, tick)?;
    let mut actions = moves(&reader, &from, &request.provider, is_paused);
    actions.push(Action::Unsubscribe {
        provider: from,
        reader,
    });
    Ok(actions)
}

/// The steps up to where the reader reads from `to`; its registration at `from` stays.
pub(super) fn moves(reader: &Reader, from: &str, to: &str, is_paused: bool) -> Vec<Action> {
    let reader = || reader.clone();
    let mut actions = vec![
        Action::Reserve {
            provider: to.to_owned(),
            reader: reader(),
        },
        Action::Pause {
            queue: None,
            reader: reader(),
        },
        Action::Subscribe {
            provider: to.to_owned(),
            reader: reader(),
        },
        Action::Point {
            reader: reader(),
            to: to.to_owned(),
            from: from.to_owned(),
        },
        Action::Resume {
            queue: None,
            reader: reader(),
            back_to: Some(from.to_owned()),
        },
    ];
    if is_paused {
        // Who was paused on purpose stays so.
        actions.retain(|action| !matches!(action, Action::Pause { .. } | Action::Resume { .. }));
    }
    actions
}

/// The reader with its provider, its position, and whether it stands still.
fn find_reader(node: &NodeFacts, consumer: Option<&str>) -> Result<(Reader, String, i64, bool)> {
    match consumer.filter(|name| *name != node.worker) {
        None => {
            if node.kind == NodeType::Root {
                return Err(Error::refused(format!(
                    "node \"{}\" is the root: it reads from nobody",
                    node.name
                ))
                .with_hint("\"londiste takeover\" makes another node the root"));
            }
            let reader = Reader::worker(&node.name, &node.worker);
            Ok((reader, node.provider.clone(), node.tick, node.is_paused))
        }
        Some(name) => {
            let known = node.consumers.iter().find(|known| known.0 == name);
            let (_, provider, tick, is_paused) = known.ok_or_else(|| {
                Error::not_found(format!("node \"{}\" has no consumer \"{name}\"", node.name))
            })?;
            let reader = Reader {
                node: node.name.clone(),
                consumer: name.to_owned(),
                is_worker: false,
            };
            Ok((reader, provider.clone(), *tick, *is_paused))
        }
    }
}

/// Refuses a provider that cannot be one for this reader.
pub(super) fn check_provider(
    facts: &Facts,
    node: &NodeFacts,
    reader: &Reader,
    provider: &str,
    tick: i64,
) -> Result<()> {
    if provider == node.name {
        return Err(Error::refused(format!(
            "node \"{provider}\" cannot be its own provider"
        )));
    }
    let new = facts.node(provider)?;
    if new.kind == NodeType::Leaf {
        return Err(Error::refused(format!(
            "node \"{provider}\" is a leaf: it cannot feed other nodes"
        ))
        .with_hint("name the root or a branch"));
    }
    let chain = facts.chain(provider);
    if reader.is_worker && chain.contains(&node.name.as_str()) {
        return Err(Error::refused(format!(
            "node \"{provider}\" reads from node \"{}\": they would form a circle",
            node.name
        ))
        .with_detail(format!("the way up from it: {}", chain.join(" -> ")))
        .with_hint(format!("first give node \"{provider}\" another provider")));
    }
    match new.queue_range {
        Some((first, _)) if first > tick => Err(Error::new(
            ErrorKind::Refused,
            format!("node \"{provider}\" has not kept tick {tick}, where node \"{}\" stands", node.name),
        )
        .with_detail(format!("its queue begins at tick {first}"))
        .with_hint("let the node catch up with its present provider first; one that is too old has to be created anew")),
        Some(_) => Ok(()),
        None => Err(Error::refused(format!("node \"{provider}\" has no queue"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cascade::plan::facts::tests::{facts, node};

    fn plan(facts: &Facts, node: &str, provider: &str) -> Result<Vec<Action>> {
        plan_change_provider(
            facts,
            &Request {
                node: node.to_owned(),
                consumer: None,
                provider: provider.to_owned(),
            },
        )
    }

    #[test]
    fn both_providers_keep_the_events_until_the_end() {
        let facts = facts();
        let kinds: Vec<&str> = plan(&facts, "c", "b")
            .expect("a plan")
            .iter()
            .map(Action::kind)
            .collect();
        assert_eq!(
            kinds,
            ["reserve", "pause", "subscribe", "point", "resume", "unsubscribe"]
        );
        assert!(plan(&facts, "c", "a").expect("a plan").is_empty(), "already so");
    }

    #[test]
    fn who_was_paused_on_purpose_stays_so() {
        let mut facts = facts();
        facts.nodes.get_mut("c").expect("c").is_paused = true;
        let actions = plan(&facts, "c", "b").expect("a plan");
        assert!(
            !actions
                .iter()
                .any(|a| matches!(a, Action::Pause { .. } | Action::Resume { .. }))
        );
    }

    #[test]
    fn what_can_be_known_is_refused() {
        let mut facts = facts();
        let words = |facts: &Facts, node: &str, provider: &str| {
            plan(facts, node, provider)
                .expect_err("a refusal")
                .message()
                .to_owned()
        };
        assert!(words(&facts, "b", "b").contains("its own provider"));
        assert!(words(&facts, "b", "e").contains("form a circle"));
        assert!(words(&facts, "b", "d").contains("is a leaf"));
        assert!(words(&facts, "a", "b").contains("is the root"));
        facts.nodes.insert(
            "f".to_owned(),
            node("f", NodeType::Branch, "a", 90, Some((95, 99))),
        );
        assert!(words(&facts, "c", "f").contains("has not kept tick"));
        facts.nodes.remove("b");
        facts
            .absent
            .insert("b".to_owned(), "it is tagged as dead".to_owned());
        assert!(words(&facts, "c", "b").contains("tagged as dead"));
    }
}
