//! What a plan is made of. Everything here is data: it is stored as JSON, printed, and carried out elsewhere.

use serde::{Deserialize, Serialize};

/// A cascaded consumer and the node that it writes into.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reader {
    /// The node.
    pub node: String,
    /// The consumer's name.
    pub consumer: String,
    /// Whether it is the worker, which maintains the node; else one that only reads.
    pub is_worker: bool,
}

impl Reader {
    /// The worker of a node.
    pub fn worker(node: &str, consumer: &str) -> Self {
        Self {
            node: node.to_owned(),
            consumer: consumer.to_owned(),
            is_worker: true,
        }
    }

    fn words(&self) -> String {
        if self.is_worker {
            format!("the worker of {}", self.node)
        } else {
            format!("consumer {} of {}", self.consumer, self.node)
        }
    }
}

/// One thing to do. Each may be done again: what is so already is left so.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Action {
    /// Waits until `node` has replayed what `of` has, and does so quickly.
    CatchUp {
        /// Who replays.
        node: String,
        /// Whose newest tick counts.
        of: String,
    },
    /// Lets `provider` keep events for the reader from where the reader stands, which is before it comes.
    Reserve {
        /// The coming provider.
        provider: String,
        /// Who will come.
        reader: Reader,
    },
    /// Puts the reader's position at `provider` to where the reader stands.
    Subscribe {
        /// The provider.
        provider: String,
        /// Who reads there.
        reader: Reader,
    },
    /// Tells the reader to stand still and waits until it says that it does.
    Pause {
        /// Another queue than the plan's, for the workers of merged queues.
        queue: Option<String>,
        /// Who.
        reader: Reader,
    },
    /// Lets the reader go on and waits until it says that it does.
    Resume {
        /// Another queue than the plan's, for the workers of merged queues.
        queue: Option<String>,
        /// Who.
        reader: Reader,
        /// Where it read before this plan, if the plan has changed that.
        back_to: Option<String>,
    },
    /// Makes `to` the provider of the reader.
    Point {
        /// Who.
        reader: Reader,
        /// Its provider from now on.
        to: String,
        /// Its provider until now.
        from: String,
    },
    /// Ends the reader's subscription at `provider`. A provider that cannot be reached is a warning.
    Unsubscribe {
        /// The former provider.
        provider: String,
        /// Who read there.
        reader: Reader,
    },
    /// Waits until the merged queue `queue` stands at the same tick on both nodes.
    MeetMerge {
        /// The merged queue.
        queue: String,
        /// Node whose merge worker is paused.
        from: String,
        /// Node that follows.
        to: String,
    },
    /// Closes the root for writers, from one moment on and for old snapshots, too.
    Close {
        /// The root.
        root: String,
    },
    /// Writes the last tick of the closed root.
    LastTick {
        /// The root.
        root: String,
    },
    /// Waits until the node has that tick, in its tables and in its queue.
    Reach {
        /// The node.
        node: String,
    },
    /// Lifts the sequences of `to` to the values of `from`.
    CarrySequences {
        /// The closed root.
        from: String,
        /// The coming root.
        to: String,
    },
    /// Makes the node the root.
    Promote {
        /// The node.
        node: String,
    },
    /// Makes the closed root a branch.
    Demote {
        /// The former root.
        node: String,
        /// Its provider from now on.
        provider: String,
    },
    /// Takes away what kept writers out of the event tables, if nobody is left whom it must keep out.
    Tidy {
        /// The node.
        node: String,
    },
    /// Marks a node as dead, or as alive again, where others know it. Who cannot be reached is a warning.
    Tag {
        /// The node.
        node: String,
        /// Which of the two.
        dead: bool,
        /// Where.
        on: Vec<String>,
    },
    /// Tells the reader to stand still. It need not answer: it commits nothing any more, or it does not run.
    Halt {
        /// Who.
        reader: Reader,
    },
    /// Makes sure that none of `others` has come further than `node`.
    Lead {
        /// Who shall be the furthest.
        node: String,
        /// Nodes that could feed others, too.
        others: Vec<String>,
    },
    /// Lets `node` keep what the dead root will need when it comes back.
    Gravestone {
        /// The coming root.
        node: String,
        /// The dead one.
        dead: String,
    },
    /// Takes a reader that has replayed what the new root does not have back to what both have; copies that read from the
    /// dead node begin anew.
    GoBack {
        /// Who.
        reader: Reader,
        /// The new root.
        provider: String,
        /// The dead one.
        dead: String,
    },
    /// Writes the changes that only the former root has to files on this machine.
    Report {
        /// The former root.
        node: String,
        /// Whose gravestone says what both have.
        provider: String,
        /// The file.
        file: String,
    },
    /// Makes the closed former root a branch without these changes.
    Rejoin {
        /// The former root.
        reader: Reader,
        /// Its provider from now on.
        provider: String,
        /// Nodes that read from elsewhere by now.
        forget: Vec<String>,
    },
    /// Gives the worker of the former root the place of its gravestone.
    Admit {
        /// The provider.
        provider: String,
        /// The worker.
        reader: Reader,
    },
}

impl Action {
    /// Short name: of fault points, and in tests.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::CatchUp { .. } => "catch-up",
            Self::Reserve { .. } => "reserve",
            Self::Subscribe { .. } => "subscribe",
            Self::Pause { .. } => "pause",
            Self::Resume { .. } => "resume",
            Self::Point { .. } => "point",
            Self::Unsubscribe { .. } => "unsubscribe",
            Self::MeetMerge { .. } => "meet-merge",
            Self::Close { .. } => "close",
            Self::LastTick { .. } => "last-tick",
            Self::Reach { .. } => "reach",
            Self::CarrySequences { .. } => "carry-sequences",
            Self::Promote { .. } => "promote",
            Self::Demote { .. } => "demote",
            Self::Tidy { .. } => "tidy",
            Self::Tag { .. } => "tag",
            Self::Halt { .. } => "halt",
            Self::Lead { .. } => "lead",
            Self::Gravestone { .. } => "gravestone",
            Self::GoBack { .. } => "go-back",
            Self::Report { .. } => "report",
            Self::Rejoin { .. } => "rejoin",
            Self::Admit { .. } => "admit",
        }
    }

    /// The node where something is changed, or which is waited for.
    pub fn place(&self) -> &str {
        match self {
            Self::CatchUp { node, .. }
            | Self::Reach { node }
            | Self::Promote { node }
            | Self::Demote { node, .. }
            | Self::Tidy { node }
            | Self::Tag { node, .. }
            | Self::Lead { node, .. }
            | Self::Gravestone { node, .. }
            | Self::Report { node, .. }
            | Self::CarrySequences { to: node, .. }
            | Self::MeetMerge { to: node, .. } => node,
            Self::Reserve { provider, .. }
            | Self::Subscribe { provider, .. }
            | Self::Unsubscribe { provider, .. }
            | Self::Admit { provider, .. } => provider,
            Self::Pause { reader, .. }
            | Self::Resume { reader, .. }
            | Self::Point { reader, .. }
            | Self::Halt { reader }
            | Self::GoBack { reader, .. }
            | Self::Rejoin { reader, .. } => &reader.node,
            Self::Close { root } | Self::LastTick { root } => root,
        }
    }

    /// Every node that the step talks to.
    pub fn nodes(&self) -> Vec<&str> {
        let mut nodes = vec![self.place()];
        match self {
            Self::CatchUp { of: other, .. }
            | Self::CarrySequences { from: other, .. }
            | Self::MeetMerge { from: other, .. } => nodes.push(other),
            Self::Reserve { reader, .. } | Self::Subscribe { reader, .. } => nodes.push(&reader.node),
            Self::Resume {
                back_to: Some(other), ..
            } => nodes.push(other),
            // The dead node itself is not talked to.
            Self::Tag { on, .. } => nodes = on.iter().map(String::as_str).collect(),
            Self::Lead { others, .. } => nodes.extend(others.iter().map(String::as_str)),
            Self::GoBack { provider, .. } | Self::Report { provider, .. } | Self::Rejoin { provider, .. } => {
                nodes.push(provider);
            }
            _ => {}
        }
        nodes
    }

    /// What it does, in words.
    pub fn title(&self) -> String {
        let on = |queue: &Option<String>| {
            queue
                .as_ref()
                .map_or(String::new(), |queue| format!(" of queue {queue}"))
        };
        match self {
            Self::CatchUp { node, of } => format!("wait until {node} keeps up with {of}"),
            Self::Reserve { provider, reader } => {
                format!("let {provider} keep events for {}", reader.words())
            }
            Self::Subscribe { provider, reader } => {
                format!("let {} begin at {provider} where it stands", reader.words())
            }
            Self::Pause { queue, reader } => format!("pause {}{}", reader.words(), on(queue)),
            Self::Resume { queue, reader, .. } => format!("resume {}{}", reader.words(), on(queue)),
            Self::Point { reader, to, .. } => format!("let {} read from {to}", reader.words()),
            Self::Unsubscribe { provider, reader } => {
                format!("let {provider} forget {}", reader.words())
            }
            Self::MeetMerge { queue, from, to } => {
                format!("wait until {to} has of queue {queue} what {from} has")
            }
            Self::Close { root } => format!("close {root} for writers"),
            Self::LastTick { root } => format!("make the last tick of {root}"),
            Self::Reach { node } => format!("wait until {node} has the last tick"),
            Self::CarrySequences { from, to } => format!("carry the sequences of {from} to {to}"),
            Self::Promote { node } => format!("make {node} the root, open for writers"),
            Self::Demote { node, provider } => format!("make {node} a branch of {provider}"),
            Self::Tidy { node } => format!("remove what kept writers out of {node}"),
            Self::Tag { node, dead: true, on } => format!("mark {node} as dead on {}", on.join(", ")),
            Self::Tag { node, on, .. } => format!("mark {node} as alive on {}", on.join(", ")),
            Self::Halt { reader } => format!("pause {}, if it runs", reader.words()),
            Self::Lead { node, others } if others.is_empty() => format!("look that {node} has all its ticks"),
            Self::Lead { node, others } => {
                format!("look that {node} has all that {} have", others.join(", "))
            }
            Self::Gravestone { node, dead } => format!("let {node} keep what {dead} needs to come back"),
            Self::GoBack { reader, provider, .. } => {
                format!(
                    "take {} back to what {provider} has, if it is ahead",
                    reader.words()
                )
            }
            Self::Report { node, file, .. } => format!("write the changes that only {node} has to {file}"),
            Self::Rejoin { reader, provider, .. } => {
                format!(
                    "make {} a branch of {provider} without these changes",
                    reader.node
                )
            }
            Self::Admit { provider, reader } => {
                format!(
                    "let {provider} take the worker of {} for its gravestone",
                    reader.node
                )
            }
        }
    }

    /// What it may have to wait for.
    pub fn waits_for(&self) -> Option<String> {
        Some(match self {
            Self::CatchUp { node, .. } | Self::Reach { node } => format!("the worker of {node}"),
            Self::Reserve { provider, reader } | Self::Subscribe { provider, reader } => {
                format!("{provider} to have the tick of {}", reader.words())
            }
            Self::Pause { reader, .. } | Self::Resume { reader, .. } => {
                format!("{} to answer", reader.words())
            }
            Self::MeetMerge { to, .. } => format!("the workers of {to}"),
            Self::Close { root } => format!("transactions on {root} that have written"),
            Self::Lead { node, .. } => format!("the worker of {node}"),
            _ => return None,
        })
    }

    /// Whether something is different afterwards.
    pub fn changes(&self) -> bool {
        !matches!(
            self,
            Self::CatchUp { .. } | Self::Reach { .. } | Self::MeetMerge { .. } | Self::Lead { .. }
        )
    }

    /// Whether the plan can only go forward once this is done.
    pub fn is_point_of_no_return(&self) -> bool {
        matches!(self, Self::Promote { .. } | Self::Rejoin { .. })
    }
}

/// How far a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepState {
    /// Not begun, or begun and not known to be done.
    Open,
    /// Done.
    Done,
    /// Taken back.
    Undone,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Step {
    /// What is done.
    #[serde(flatten)]
    pub action: Action,
    /// How far it is.
    pub state: StepState,
}

/// What steps find out for later ones.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Values {
    /// The last tick of the closed root.
    pub last_tick: Option<i64>,
    /// When the root was closed, in seconds since 1970 by the clock of who did it.
    pub closed_at: Option<f64>,
    /// For how many seconds no root could be written.
    pub closed_for: Option<f64>,
    /// Whether the root is closed, as far as a step that did not get through knows.
    #[serde(default)]
    pub is_closed: bool,
    /// Whether writers with old snapshots were kept out by triggers.
    pub has_barrier: bool,
    /// The last tick that a dead root shares with the others, with its time.
    #[serde(default)]
    pub shared: Option<(i64, String)>,
    /// Ticks behind it that are known of: id, time, and the node that had them.
    #[serde(default)]
    pub lost_ticks: Vec<(i64, String, String)>,
    /// What became of a former root's changes, one line each.
    #[serde(default)]
    pub told: Vec<String>,
}

/// A change of the tree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Tells plans apart.
    pub id: String,
    /// The queue.
    pub queue: String,
    /// What was asked for, in words that name the nodes.
    pub command: String,
    /// The node that has the record.
    pub home: Option<String>,
    /// The nodes that have a mark.
    pub marked: Vec<String>,
    /// Nodes that were taken as dead.
    pub dead: Vec<String>,
    /// Whether it is being taken back.
    pub is_undone: bool,
    /// The steps.
    pub steps: Vec<Step>,
    /// What they have found out.
    pub values: Values,
}

impl Plan {
    /// A plan that has not begun.
    pub fn new(queue: &str, command: String, dead: &[String], actions: Vec<Action>) -> Self {
        Self {
            id: String::new(),
            queue: queue.to_owned(),
            command,
            home: None,
            marked: Vec::new(),
            dead: dead.to_vec(),
            is_undone: false,
            steps: actions
                .into_iter()
                .map(|action| Step {
                    action,
                    state: StepState::Open,
                })
                .collect(),
            values: Values::default(),
        }
    }

    /// The first step that is not known to be done.
    pub fn next(&self) -> Option<usize> {
        self.steps.iter().position(|step| step.state == StepState::Open)
    }

    /// How many steps were begun, perhaps: those that are done, and the one after them.
    fn begun(&self) -> usize {
        let done = self
            .steps
            .iter()
            .take_while(|step| step.state == StepState::Done)
            .count();
        (done + 1).min(self.steps.len())
    }

    /// The last step that is to be taken back: the one that was perhaps begun, then those that were done.
    pub fn next_to_undo(&self) -> Option<usize> {
        (0..self.begun())
            .rev()
            .find(|&at| self.steps[at].state != StepState::Undone)
    }

    /// Whether a step that cannot be taken back is known to be done.
    pub fn is_past_return(&self) -> bool {
        self.steps
            .iter()
            .any(|step| step.state == StepState::Done && step.action.is_point_of_no_return())
    }

    /// Whether nothing can have been changed so far.
    pub fn is_untouched(&self) -> bool {
        !self.steps[..self.begun()]
            .iter()
            .any(|step| step.action.changes())
    }

    /// What stays as no one wants it if the plan stops here, one line each: who stands still, which root is closed.
    pub fn left_behind(&self) -> Vec<String> {
        let is_done = |wanted: &dyn Fn(&Action) -> bool| {
            self.steps
                .iter()
                .any(|step| step.state == StepState::Done && wanted(&step.action))
        };
        let mut left = Vec::new();
        for step in self.steps[..self.begun()]
            .iter()
            .filter(|step| step.state != StepState::Undone)
        {
            match &step.action {
                Action::Pause { reader, .. } | Action::Halt { reader }
                    if !is_done(&|a| matches!(a, Action::Resume { reader: r, .. } if r == reader)) =>
                {
                    left.push(format!("{} is paused", reader.words()));
                }
                Action::Close { root }
                    if (step.state == StepState::Done || self.values.is_closed)
                        && !is_done(&|a| matches!(a, Action::Promote { .. })) =>
                {
                    left.push(format!("root {root} is closed for writers"));
                }
                _ => {}
            }
        }
        left
    }

    /// The plan as a person reads it, one line per step.
    pub fn lines(&self) -> Vec<String> {
        let titles: Vec<String> = self.steps.iter().map(|step| step.action.title()).collect();
        let width = titles.iter().map(String::len).max().unwrap_or(0);
        let mut lines = vec![format!("Plan: {}", self.command)];
        for (nr, (step, title)) in self.steps.iter().zip(&titles).enumerate() {
            if step.action.is_point_of_no_return() {
                lines.push("      -- until here \"undo\" returns to the old state; from here on only \"continue\" --".to_owned());
            }
            let waits = step
                .action
                .waits_for()
                .map_or(String::new(), |what| format!("  waits for {what}"));
            lines.push(
                format!("{:4}. {title:width$}{waits}", nr + 1)
                    .trim_end()
                    .to_owned(),
            );
        }
        if self.steps.is_empty() {
            lines.push("      nothing to do".to_owned());
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        let reader = Reader::worker("c", "c_worker");
        Plan::new(
            "q",
            "takeover".to_owned(),
            &[],
            vec![
                Action::CatchUp {
                    node: "b".to_owned(),
                    of: "a".to_owned(),
                },
                Action::Pause {
                    queue: None,
                    reader: reader.clone(),
                },
                Action::Close { root: "a".to_owned() },
                Action::Promote { node: "b".to_owned() },
                Action::Resume {
                    queue: None,
                    reader,
                    back_to: None,
                },
            ],
        )
    }

    #[test]
    fn what_a_stop_leaves_is_told() {
        let mut plan = plan();
        assert!(plan.is_untouched());
        plan.steps[0].state = StepState::Done;
        assert!(!plan.is_untouched(), "the next step may have been begun");
        assert_eq!(plan.left_behind(), ["the worker of c is paused"]);
        plan.steps[1].state = StepState::Done;
        assert_eq!(plan.left_behind(), ["the worker of c is paused"]);
        plan.values.is_closed = true;
        let both = ["the worker of c is paused", "root a is closed for writers"];
        assert_eq!(plan.left_behind(), both);
        plan.steps[2].state = StepState::Done;
        assert_eq!(plan.left_behind(), both);
        plan.steps[3].state = StepState::Done;
        assert!(plan.is_past_return());
        assert_eq!(plan.left_behind(), ["the worker of c is paused"]);
        plan.steps[4].state = StepState::Done;
        assert!(plan.left_behind().is_empty());
        assert_eq!(plan.next(), None);
    }

    #[test]
    fn undo_begins_at_the_step_that_was_perhaps_begun() {
        let mut plan = plan();
        plan.steps[0].state = StepState::Done;
        plan.steps[1].state = StepState::Done;
        assert_eq!(plan.next_to_undo(), Some(2));
        plan.steps[2].state = StepState::Undone;
        assert_eq!(plan.next_to_undo(), Some(1));
        plan.steps[1].state = StepState::Undone;
        plan.steps[0].state = StepState::Undone;
        assert_eq!(plan.next_to_undo(), None);
    }

    #[test]
    fn a_plan_survives_its_record() {
        let plan = plan();
        let text = serde_json::to_string(&plan).expect("JSON");
        assert_eq!(serde_json::from_str::<Plan>(&text).expect("a plan"), plan);
    }
}
