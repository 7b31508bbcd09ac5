//! The commands `status` and `node-status`: ask the nodes, then print the tree or its JSON form.

use std::time::Duration;

use serde::Serialize;
use tracing::{info, warn};

use super::admin::{Admin, unknown_node};
use super::node::{JsonArgs, StatusArgs};
use crate::error::{Error, ErrorKind, Result};
use crate::node::NodeInfo;
use crate::node::facts::NodeFacts;
use crate::node::info;
use crate::node::survey::{self, PlanMark, Survey, Surveyor};
use crate::node::tree::{Look, render};

#[derive(Serialize)]
struct StatusRecord<'a> {
    queue: &'a str,
    local_node: Option<&'a str>,
    nodes: Vec<NodeRecord<'a>>,
    notes: &'a [String],
    plan: Option<&'a PlanMark>,
}

#[derive(Serialize)]
struct NodeRecord<'a> {
    #[serde(flatten)]
    facts: &'a NodeFacts,
    problems: Vec<String>,
}

impl<'a> NodeRecord<'a> {
    fn of(facts: &'a NodeFacts) -> Self {
        Self {
            facts,
            problems: facts.problems(),
        }
    }
}

pub(super) async fn status(mut admin: Admin, args: StatusArgs) -> Result<u8> {
    let Some(pause) = args.watch else {
        let (text, problems) = picture(&mut admin, &args, false).await?;
        admin.ui.print(text);
        return Ok(u8::from(args.check && problems > 0));
    };
    let pause = Duration::try_from_secs_f64(pause)
        .ok()
        .filter(|p| !p.is_zero())
        .ok_or_else(|| Error::usage("--watch needs a number of seconds above zero"))?;
    let mut problems;
    loop {
        // One that fails is shown like any other: the next one may succeed.
        let text = match picture(&mut admin, &args, true).await {
            Ok((text, found)) => {
                problems = found;
                text
            }
            Err(error) if error.is_interrupted() => return Ok(0),
            Err(error) => {
                problems = 1;
                admin.forget_local();
                format!("{}\n", error.report())
            }
        };
        if admin.ui.is_terminal() {
            // To the top; what is left of the picture before goes.
            admin.ui.print(format_args!("\u{1b}[H\u{1b}[2J{text}"));
        } else {
            admin.ui.print(format_args!("{text}\n"));
        }
        if !admin.stop.sleep(pause).await {
            return Ok(u8::from(args.check && problems > 0));
        }
    }
}

/// The text of one look, and how many problems were found. Of a picture that is drawn again and again nothing is said
/// beside it.
async fn picture(admin: &mut Admin, args: &StatusArgs, watching: bool) -> Result<(String, usize)> {
    let queue = admin.queue().to_owned();
    let limit = Duration::try_from_secs_f64(args.timeout)
        .ok()
        .filter(|l| !l.is_zero())
        .ok_or_else(|| Error::usage("--timeout needs a number of seconds above zero"))?;
    let looking = async {
        let node = admin.find_node_info().await?;
        let members = match &node {
            Some(_) => admin.members().await?,
            None => Vec::new(),
        };
        Ok((node, members))
    };
    let late = || {
        Error::new(
            ErrorKind::Timeout,
            format!(
                "the local node's database did not answer within {} s",
                limit.as_secs_f64()
            ),
        )
        .with_hint("--timeout=SECONDS waits longer")
    };
    let (node, members) = tokio::time::timeout(limit, looking)
        .await
        .unwrap_or_else(|_| Err(late()))?;
    let Some(node) = node else {
        if !watching && !args.json {
            admin
                .ui
                .hint("make a node with create-root, create-branch or create-leaf");
        }
        // Ancestor: exit status 0.
        let text = if args.json {
            json(&StatusRecord {
                queue: &queue,
                local_node: None,
                nodes: Vec::new(),
                notes: &[],
                plan: None,
            })?
        } else {
            format!("Queue: {queue}   Local node: None\n\n")
        };
        return Ok((text, 0));
    };
    for name in &args.dead {
        if !members.iter().any(|m| &m.node_name == name) {
            return Err(unknown_node(name, &members));
        }
        if !watching {
            info!("Assuming node '{name}' as dead");
        }
    }
    let name = node.node_name.clone();
    let survey = take_survey(admin, &queue, limit, &args.dead, node, &members).await?;
    let problems: usize = survey.nodes.iter().map(|n| n.problems().len()).sum();
    let text = if args.json {
        json(&StatusRecord {
            queue: &queue,
            local_node: Some(&name),
            nodes: survey.nodes.iter().map(NodeRecord::of).collect(),
            notes: &survey.notes,
            plan: survey.plan.as_ref(),
        })?
    } else {
        if !watching {
            for node in &survey.nodes {
                if let Some(failure) = &node.failure {
                    warn!("Node '{}' failure: {failure}", node.name);
                }
            }
        }
        draw(admin, args, &queue, &name, &survey)
    };
    Ok((text, problems + survey.notes.len()))
}

async fn take_survey(
    admin: &mut Admin,
    queue: &str,
    limit: Duration,
    assumed_dead: &[String],
    node: NodeInfo,
    members: &[info::Member],
) -> Result<Survey> {
    let (dialer, stop) = (admin.dialer().clone(), admin.stop.clone());
    let surveyor = Surveyor {
        dialer: &dialer,
        queue,
        limit,
        assumed_dead,
    };
    let session = admin.local().await?;
    stop.unless_stopped(surveyor.survey(session, node, members)).await
}

fn draw(admin: &Admin, args: &StatusArgs, queue: &str, local: &str, survey: &Survey) -> String {
    let look = Look {
        compact: args.compact,
        colour: admin.ui.has_colour(),
        width: admin.ui.width(),
    };
    let mut text = format!("Queue: {queue}   Local node: {local}\n\n");
    text.push_str(&render(&survey.nodes, look));
    if !survey.notes.is_empty() {
        text.push('\n');
        for note in &survey.notes {
            text.push_str(&format!("Note: {note}\n"));
        }
    }
    text
}

fn json(record: &impl Serialize) -> Result<String> {
    serde_json::to_string_pretty(record)
        .map(|text| format!("{text}\n"))
        .map_err(|error| Error::internal(format!("the status cannot be written as JSON: {error}")))
}

pub(super) async fn node_status(mut admin: Admin, args: JsonArgs) -> Result<()> {
    let queue = admin.queue().to_owned();
    let local = admin.node_info().await?;
    let service = admin
        .members()
        .await?
        .iter()
        .find(|m| m.node_name == local.node_name)
        .and_then(|m| survey::service_of(&m.location));
    let session = admin.local().await?;
    // The lag of a node below the root is told by its provider, which is not asked here.
    let facts = survey::finish_alone(survey::ask(session, &queue, local, service).await?);
    if args.json {
        #[derive(Serialize)]
        struct Record<'a> {
            queue: &'a str,
            #[serde(flatten)]
            node: NodeRecord<'a>,
        }
        return admin.ui.json(&Record {
            queue: &queue,
            node: NodeRecord::of(&facts),
        });
    }
    admin.ui.line(facts.title());
    admin.ui.line(format!(
        "    Provider: {}",
        facts.provider.as_deref().unwrap_or("--")
    ));
    admin
        .ui
        .line(format!("    Subscribers: {}", facts.subscribers.join(", ")).trim_end());
    for line in facts.info_lines(admin.ui.has_colour()) {
        admin.ui.line(format!("    {line}"));
    }
    Ok(())
}
