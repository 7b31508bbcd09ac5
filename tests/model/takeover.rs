//! Changes of the tree (`cascade::takeover`, `cascade::change_provider`) while workers replay, applications write, two
//! administrators begin, die and go on with each other's plans, and servers are away for a time: there is never more than
//! one root that takes writes, no acknowledged write is lost, all queues are beginnings of one stream, and in the end there
//! is one root, nobody stands still, and everybody has everything.
//!
//! The plans are those that the programs make; the model carries them out on its own small databases.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use londiste::cascade::change_provider::{self, plan_change_provider};
use londiste::cascade::plan::{Action as Step, Facts, NodeFacts, Plan, Reader, StepState};
use londiste::cascade::takeover::{self, plan_takeover};
use londiste::cascade::takeover_dead::{self, plan_dead_root};
use londiste::node::NodeType;
use stateright::{Model, Property};

use super::{assert_noticed, assert_sound};

/// A rule that is broken on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    /// The new root is opened without having the last tick.
    NobodyWaits,
    /// Writers with old snapshots are let through after the root is closed.
    WritersSlipThrough,
    /// The new root is opened before the old one is closed.
    OpenedFirst,
    /// The reader is pointed to its new provider before that knows it.
    PointedFirst,
    /// A second administrator does not look for the first one's plan.
    NoMarks,
    /// A plan is taken back although the new root is open.
    TakenBackLate,
    /// What was undone stays paused.
    LeftPaused,
    /// A plan is carried out as it was made before it was recorded.
    StalePlan,
    /// Those who read from a dead root go on, and nobody looks who has come further.
    NobodyHalted,
    /// Who has what the new root lacks keeps it.
    NobodyGoesBack,
}

#[derive(Debug, Clone)]
struct Cascade {
    flaw: Option<Flaw>,
    /// Names of nodes with their providers; the first one is the root. Names that begin with `l` are leaves.
    tree: Vec<(&'static str, &'static str)>,
    /// What the administrators ask for, each once.
    wishes: Vec<Wish>,
    writes: u8,
    faults: u8,
}

#[derive(Debug, Clone, Copy)]
enum Wish {
    Takeover {
        old: &'static str,
        new: &'static str,
        all: bool,
    },
    ChangeProvider {
        node: &'static str,
        provider: &'static str,
    },
    /// When it is away.
    TakeoverDead {
        old: &'static str,
        new: Option<&'static str>,
    },
}

/// One tick of the stream: whose it is, and the writes in it.
type Tick = (usize, u8);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Node {
    is_root: bool,
    is_leaf: bool,
    /// Takes writes and makes ticks of its own.
    open: bool,
    provider: usize,
    /// The ticks of its queue; of a leaf: those that it has replayed.
    log: Vec<Tick>,
    /// Replayed and committed, but the tick is not there yet.
    half: Option<Tick>,
    /// Written since the last tick.
    written: u8,
    /// An application has looked whether the root is open, and will write.
    writer: bool,
    paused: bool,
    seen: bool,
    /// Who reads here, and from which tick on.
    readers: BTreeMap<usize, usize>,
    away: bool,
}

impl Node {
    fn position(&self) -> usize {
        self.log.len() + usize::from(self.half.is_some())
    }

    fn stands(&self) -> bool {
        self.paused && self.seen
    }

    fn has(&self, writes: u8) -> bool {
        let ticked = self.log.iter().fold(self.written, |all, tick| all | tick.1);
        ticked & writes == writes
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Record {
    plan: Recorded,
    last_tick: Option<usize>,
    /// The present step is done, and not marked.
    performed: bool,
    /// The administrator who is at work on it.
    runner: Option<usize>,
}

/// A plan, known by its digest: worlds are compared and hashed by the million.
#[derive(Debug, Clone)]
struct Recorded {
    plan: Arc<Plan>,
    digest: u64,
}

impl Recorded {
    fn new(plan: Plan) -> Self {
        let mut hasher = DefaultHasher::new();
        (&plan.steps, plan.is_undone).hash(&mut hasher);
        Self {
            plan: Arc::new(plan),
            digest: hasher.finish(),
        }
    }

    fn change(&mut self, change: impl FnOnce(&mut Plan)) {
        let mut plan = (*self.plan).clone();
        change(&mut plan);
        *self = Self::new(plan);
    }
}

impl std::ops::Deref for Recorded {
    type Target = Plan;

    fn deref(&self) -> &Plan {
        &self.plan
    }
}

impl PartialEq for Recorded {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for Recorded {}

impl Hash for Recorded {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.digest.hash(state);
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    nodes: Vec<Node>,
    /// One; more only where marks are not looked for.
    plans: Vec<Record>,
    /// The wish of each administrator.
    wishes: Vec<Stage>,
    /// Writes that have to be there for good.
    acknowledged: u8,
    /// The root whose place was taken although it was away; what it alone had is lost.
    dead: Option<usize>,
    writes: u8,
    faults: u8,
}

impl World {
    /// All nodes but the dead one.
    fn living(&self) -> impl Iterator<Item = &Node> {
        let nodes = self.nodes.iter().enumerate();
        nodes
            .filter(|(index, _)| self.dead != Some(*index))
            .map(|(_, node)| node)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Stage {
    Wished,
    /// A plan was made, and is not recorded yet.
    Planned(Recorded),
    Over,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Action {
    /// An application is about to write, as far as it has seen the root is open.
    Look(usize),
    Write(usize),
    MakeTick(usize),
    Replay(usize),
    FinishTick(usize),
    See(usize),
    Draft(usize),
    Begin(usize),
    Perform(usize),
    Mark(usize),
    Fail(usize),
    AdminDies(usize),
    Continue(usize, usize),
    Undo(usize, usize),
    GoesAway(usize),
    ComesBack(usize),
}

impl Cascade {
    fn index(&self, name: &str) -> usize {
        self.tree
            .iter()
            .position(|(known, _)| *known == name)
            .expect("a node of the tree")
    }

    fn name(&self, index: usize) -> String {
        self.tree[index].0.to_owned()
    }

    fn facts(&self, world: &World) -> Facts {
        let mut facts = Facts {
            queue: "q".to_owned(),
            local: self.name(0),
            ..Facts::default()
        };
        for (index, node) in world.nodes.iter().enumerate() {
            let name = self.name(index);
            if node.away {
                facts.absent.insert(name, "it cannot be asked".to_owned());
                continue;
            }
            let kind = match (node.is_root, node.is_leaf) {
                (true, _) => NodeType::Root,
                (_, true) => NodeType::Leaf,
                _ => NodeType::Branch,
            };
            let known = NodeFacts {
                name: name.clone(),
                kind,
                provider: self.name(node.provider),
                worker: format!("{name}_worker"),
                is_paused: node.paused,
                tick: node.position() as i64,
                queue_range: (!node.is_leaf).then_some((0, node.log.len() as i64)),
                consumers: Vec::new(),
                merges: Vec::new(),
                unready_tables: Vec::new(),
                ready_tables: Vec::new(),
                can_record: true,
            };
            facts.nodes.insert(name, known);
        }
        facts
    }

    /// The plan of a wish; none when it is refused or nothing is to be done.
    fn plan(&self, world: &World, wish: Wish) -> Option<Vec<Step>> {
        let facts = self.facts(world);
        let planned = match wish {
            Wish::Takeover { old, new, all } => {
                let request = takeover::Request {
                    old: old.to_owned(),
                    new: new.to_owned(),
                    all,
                };
                plan_takeover(&facts, &request)
            }
            Wish::ChangeProvider { node, provider } => {
                let request = change_provider::Request {
                    node: node.to_owned(),
                    consumer: None,
                    provider: provider.to_owned(),
                };
                plan_change_provider(&facts, &request)
            }
            Wish::TakeoverDead { old, new } => {
                let request = takeover_dead::Request {
                    old: old.to_owned(),
                    new: new.map(str::to_owned),
                };
                plan_dead_root(&facts, &request).map(|succession| succession.actions)
            }
        };
        let mut steps = planned.ok().filter(|steps| !steps.is_empty())?;
        let at = |wanted: &str| steps.iter().position(|step| step.kind() == wanted);
        match self.flaw {
            Some(Flaw::NobodyWaits) => steps.retain(|step| step.kind() != "reach"),
            Some(Flaw::NobodyHalted) => steps.retain(|step| !matches!(step.kind(), "halt" | "lead")),
            Some(Flaw::NobodyGoesBack) => steps.retain(|step| step.kind() != "go-back"),
            Some(Flaw::OpenedFirst) => {
                if let (Some(close), Some(promote)) = (at("close"), at("promote")) {
                    let promote = steps.remove(promote);
                    steps.insert(close, promote);
                }
            }
            Some(Flaw::PointedFirst) => {
                steps.retain(|step| step.kind() != "reserve");
                if let (Some(subscribe), Some(point)) = (
                    steps.iter().position(|step| step.kind() == "subscribe"),
                    steps.iter().position(|step| step.kind() == "point"),
                ) {
                    steps.swap(subscribe, point);
                    steps.retain(|step| step.kind() != "pause");
                }
            }
            _ => {}
        }
        Some(steps)
    }

    fn reader(&self, reader: &Reader) -> usize {
        self.index(&reader.node)
    }

    /// Does the step, or a part of it; `None` where it has to wait. Whether it is done is the second value.
    fn perform(&self, world: &mut World, last_tick: &mut Option<usize>, step: &Step) -> Option<bool> {
        if step.nodes().iter().any(|name| world.nodes[self.index(name)].away) {
            return None;
        }
        match step {
            Step::CatchUp { node, of } => {
                let (node, of) = (self.index(node), self.index(of));
                (world.nodes[node].position() >= world.nodes[of].log.len()).then_some(true)
            }
            Step::Reserve { provider, reader } | Step::Subscribe { provider, reader } => {
                let (provider, reader) = (self.index(provider), self.reader(reader));
                subscribe(world, provider, reader).then_some(true)
            }
            Step::Pause { reader, .. } => {
                let node = &mut world.nodes[self.reader(reader)];
                pause(node)
            }
            Step::Resume { reader, .. } => {
                let node = &mut world.nodes[self.reader(reader)];
                node.paused = false;
                node.seen = false;
                Some(true)
            }
            Step::Point { reader, to, .. } => {
                let reader = self.reader(reader);
                world.nodes[reader].provider = self.index(to);
                Some(true)
            }
            Step::Unsubscribe { provider, reader } => {
                let (provider, reader) = (self.index(provider), self.reader(reader));
                world.nodes[provider].readers.remove(&reader);
                Some(true)
            }
            Step::Close { root } => {
                let node = &mut world.nodes[self.index(root)];
                // Who has looked before is kept out by the triggers, or waited for.
                if self.flaw != Some(Flaw::WritersSlipThrough) {
                    node.writer = false;
                }
                node.open = false;
                Some(true)
            }
            Step::LastTick { root } => {
                let root = self.index(root);
                let node = &mut world.nodes[root];
                let tick = (root, std::mem::take(&mut node.written));
                node.log.push(tick);
                *last_tick = Some(node.log.len());
                Some(true)
            }
            Step::Reach { node } => {
                let node = &world.nodes[self.index(node)];
                let last = last_tick.expect("a last tick is made before");
                (node.position() >= last && node.log.len() >= last).then_some(true)
            }
            Step::Promote { node } => {
                let index = self.index(node);
                let node = &mut world.nodes[index];
                if node.is_root {
                    return Some(true);
                }
                node.is_root = true;
                node.open = true;
                node.provider = index;
                // Events whose tick was not made are in its queue, and come with its next tick.
                let half = node.half.take();
                node.written |= half.map_or(0, |tick| tick.1);
                let node = node.clone();
                let other = |other: &usize| {
                    *other != index && world.nodes[*other].is_root && world.nodes[*other].open
                };
                if let Some(dead) = (0..world.nodes.len()).find(other).filter(|_| last_tick.is_none()) {
                    world.dead = Some(dead);
                    world.acknowledged &= node.log.iter().fold(node.written, |all, tick| all | tick.1);
                }
                Some(true)
            }
            Step::Demote { node, provider } => {
                let provider = self.index(provider);
                let node = &mut world.nodes[self.index(node)];
                node.is_root = false;
                node.provider = provider;
                node.seen = false;
                Some(true)
            }
            // Whatever it does, it commits nothing any more.
            Step::Halt { reader } => {
                let node = &mut world.nodes[self.reader(reader)];
                node.paused = true;
                node.seen = true;
                Some(true)
            }
            Step::Lead { node, others } => {
                let node = &world.nodes[self.index(node)];
                let is_behind = |other: &String| world.nodes[self.index(other)].position() <= node.log.len();
                (node.half.is_none() && others.iter().all(is_behind)).then_some(true)
            }
            Step::GoBack { reader, provider, .. } => {
                let log = world.nodes[self.index(provider)].log.clone();
                let node = &mut world.nodes[self.reader(reader)];
                let same = node
                    .log
                    .iter()
                    .zip(&log)
                    .take_while(|(one, other)| one == other)
                    .count();
                if same < node.log.len() || node.half.is_some_and(|half| log.get(same) != Some(&half)) {
                    node.half = None;
                    node.log.truncate(same);
                }
                Some(true)
            }
            Step::CarrySequences { .. } | Step::Tidy { .. } | Step::Tag { .. } | Step::Gravestone { .. } => {
                Some(true)
            }
            other => unreachable!("no plan here has the step {other:?}"),
        }
    }

    /// Takes a step back.
    fn take_back(&self, world: &mut World, step: &Step) -> Option<bool> {
        if step.nodes().iter().any(|name| world.nodes[self.index(name)].away) {
            return None;
        }
        match step {
            Step::Reserve { provider, reader } => {
                let (provider, reader) = (self.index(provider), self.reader(reader));
                if world.nodes[reader].provider != provider {
                    world.nodes[provider].readers.remove(&reader);
                }
            }
            Step::Pause { reader, .. } | Step::Halt { reader } => {
                let node = &mut world.nodes[self.reader(reader)];
                if self.flaw != Some(Flaw::LeftPaused) {
                    node.paused = false;
                    node.seen = false;
                }
            }
            Step::Resume { reader, back_to, .. } => {
                let reader = self.reader(reader);
                if !pause(&mut world.nodes[reader])? {
                    return Some(false);
                }
                if let Some(provider) = back_to
                    && !subscribe(world, self.index(provider), reader)
                {
                    return None;
                }
            }
            Step::Point { reader, from, .. } => {
                let reader = self.reader(reader);
                world.nodes[reader].provider = self.index(from);
            }
            Step::Unsubscribe { provider, reader } => {
                let (provider, reader) = (self.index(provider), self.reader(reader));
                if !subscribe(world, provider, reader) {
                    return None;
                }
            }
            Step::Close { root } => {
                let node = &mut world.nodes[self.index(root)];
                node.open = node.is_root;
            }
            _ => {}
        }
        Some(true)
    }

    /// Whether the step from which there is no way back is done, be it marked or not.
    fn is_past_return(&self, world: &World, record: &Record) -> bool {
        let plan = &record.plan;
        if plan.is_past_return() {
            return true;
        }
        let Some(at) = plan.next() else {
            return false;
        };
        match &plan.steps[at].action {
            Step::Promote { node } => world.nodes[self.index(node)].is_root,
            _ => false,
        }
    }
}

fn recorded(steps: Vec<Step>) -> Recorded {
    Recorded::new(Plan::new("q", String::new(), &[], steps))
}

fn subscribe(world: &mut World, provider: usize, reader: usize) -> bool {
    let position = world.nodes[reader].position();
    if world.nodes[provider].log.len() < position {
        return false;
    }
    world.nodes[provider].readers.insert(reader, position);
    true
}

/// Asks for a pause; done when the worker has seen it.
fn pause(node: &mut Node) -> Option<bool> {
    if !node.paused {
        node.paused = true;
        node.seen = false;
        return Some(false);
    }
    node.seen.then_some(true)
}

impl Model for Cascade {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let mut nodes: Vec<Node> = self
            .tree
            .iter()
            .enumerate()
            .map(|(index, (name, provider))| Node {
                is_root: index == 0,
                is_leaf: name.starts_with('l'),
                open: index == 0,
                provider: self.index(provider),
                log: Vec::new(),
                half: None,
                written: 0,
                writer: false,
                paused: false,
                seen: false,
                readers: BTreeMap::new(),
                away: false,
            })
            .collect();
        for index in 1..nodes.len() {
            let provider = nodes[index].provider;
            nodes[provider].readers.insert(index, 0);
        }
        vec![World {
            nodes,
            plans: Vec::new(),
            wishes: vec![Stage::Wished; self.wishes.len()],
            acknowledged: 0,
            dead: None,
            writes: self.writes,
            faults: self.faults,
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        for (index, node) in world.nodes.iter().enumerate() {
            if node.away {
                actions.push(Action::ComesBack(index));
                continue;
            }
            if node.is_root && node.open && !node.writer && world.writes > 0 {
                actions.push(Action::Look(index));
            }
            if node.writer {
                actions.push(Action::Write(index));
            }
            if node.is_root && node.open && node.written != 0 {
                actions.push(Action::MakeTick(index));
            }
            if node.paused && !node.seen {
                actions.push(Action::See(index));
            }
            let provider = &world.nodes[node.provider];
            // A worker that died before its tick makes that before it says that it stands still (C-24).
            if !node.is_root && node.half.is_some() {
                actions.push(Action::FinishTick(index));
            } else if !node.is_root
                && !node.stands()
                && !provider.away
                && provider.readers.contains_key(&index)
                && provider.log.len() > node.position()
            {
                actions.push(Action::Replay(index));
            }
            // A node that is away while the dead root is replaced goes on reading from that, if both come back: nobody can
            // tell it otherwise before, status shows it then.
            let is_told = self
                .wishes
                .iter()
                .any(|wish| matches!(wish, Wish::TakeoverDead { .. }));
            if world.faults > 0 && (index == 0 || !is_told) {
                actions.push(Action::GoesAway(index));
            }
        }
        let is_idle = |admin: usize| world.plans.iter().all(|plan| plan.runner != Some(admin));
        for admin in 0..world.wishes.len() {
            match world.wishes[admin] {
                _ if !is_idle(admin) => {}
                Stage::Wished => match self.wishes[admin] {
                    Wish::TakeoverDead { old, .. } if !world.nodes[self.index(old)].away => {}
                    _ => actions.push(Action::Draft(admin)),
                },
                Stage::Planned(_) => actions.push(Action::Begin(admin)),
                Stage::Over => {}
            }
        }
        for (number, record) in world.plans.iter().enumerate() {
            if record.runner.is_some() {
                actions.push(if record.performed {
                    Action::Mark(number)
                } else {
                    Action::Perform(number)
                });
                if !record.plan.is_undone && !self.is_past_return(world, record) {
                    actions.push(Action::Fail(number));
                }
                if world.faults > 0 {
                    actions.push(Action::AdminDies(number));
                }
                continue;
            }
            // The first administrator who has nothing else to do; it does not matter who.
            let Some(admin) = (0..world.wishes.len()).find(|admin| is_idle(*admin)) else {
                continue;
            };
            if !record.plan.is_undone {
                actions.push(Action::Continue(number, admin));
            }
            if !self.is_past_return(world, record) || self.flaw == Some(Flaw::TakenBackLate) {
                actions.push(Action::Undo(number, admin));
            }
        }
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        let mut world = last.clone();
        match action {
            Action::Look(node) => world.nodes[node].writer = true,
            Action::Write(node) => {
                world.writes = world.writes.checked_sub(1)?;
                let write = 1 << world.writes;
                if world.dead != Some(node) {
                    world.acknowledged |= write;
                }
                world.nodes[node].writer = false;
                world.nodes[node].written |= write;
            }
            Action::MakeTick(node) => {
                let written = std::mem::take(&mut world.nodes[node].written);
                world.nodes[node].log.push((node, written));
            }
            Action::Replay(node) => {
                let (provider, position) = (world.nodes[node].provider, world.nodes[node].position());
                let tick = world.nodes[provider].log[position];
                // What was replayed before is finished on the provider.
                world.nodes[provider].readers.insert(node, position);
                let node = &mut world.nodes[node];
                if node.is_leaf {
                    node.log.push(tick);
                } else {
                    node.half = Some(tick);
                }
            }
            Action::FinishTick(node) => {
                let tick = world.nodes[node].half.take()?;
                world.nodes[node].log.push(tick);
            }
            Action::See(node) => world.nodes[node].seen = true,
            Action::Draft(admin) => {
                world.wishes[admin] = match self.plan(&world, self.wishes[admin]) {
                    Some(steps) => Stage::Planned(recorded(steps)),
                    None => Stage::Over,
                };
            }
            Action::Begin(admin) => {
                let drafted = std::mem::replace(&mut world.wishes[admin], Stage::Over);
                if !world.plans.is_empty() && self.flaw != Some(Flaw::NoMarks) {
                    // Refused by the name of the other one.
                    return Some(world);
                }
                let Stage::Planned(drafted) = drafted else {
                    return None;
                };
                // Nobody else changes the tree from here on; if somebody has until here, the plan is given up.
                let now = self.plan(&world, self.wishes[admin]).map(recorded);
                let plan =
                    (now.as_ref() == Some(&drafted) || self.flaw == Some(Flaw::StalePlan)).then_some(drafted);
                if let Some(plan) = plan {
                    world.plans.push(Record {
                        plan,
                        last_tick: None,
                        performed: false,
                        runner: Some(admin),
                    });
                }
            }
            Action::Perform(number) => {
                let mut record = world.plans[number].clone();
                let plan = record.plan.clone();
                let at = if record.plan.is_undone {
                    plan.next_to_undo()
                } else {
                    plan.next()
                };
                match at {
                    None => {
                        world.plans.remove(number);
                        return Some(world);
                    }
                    Some(at) => {
                        let step = plan.steps[at].action.clone();
                        record.performed = if record.plan.is_undone {
                            self.take_back(&mut world, &step)?
                        } else {
                            self.perform(&mut world, &mut record.last_tick, &step)?
                        };
                    }
                }
                world.plans[number] = record;
            }
            Action::Mark(number) => {
                let record = &mut world.plans[number];
                let (at, state) = if record.plan.is_undone {
                    (record.plan.next_to_undo()?, StepState::Undone)
                } else {
                    (record.plan.next()?, StepState::Done)
                };
                record.plan.change(|plan| plan.steps[at].state = state);
                record.performed = false;
            }
            Action::Fail(number) => {
                // A wait ran out: everything is taken back at once.
                let record = &mut world.plans[number];
                record.plan.change(|plan| plan.is_undone = true);
                record.performed = false;
            }
            Action::AdminDies(number) => {
                world.faults -= 1;
                world.plans[number].runner = None;
                world.plans[number].performed = false;
            }
            Action::Continue(number, admin) => world.plans[number].runner = Some(admin),
            Action::Undo(number, admin) => {
                world.plans[number].runner = Some(admin);
                world.plans[number].plan.change(|plan| plan.is_undone = true);
            }
            Action::GoesAway(node) => {
                world.faults -= 1;
                world.nodes[node].away = true;
                // Transactions end with their server.
                world.nodes[node].writer = false;
            }
            Action::ComesBack(node) => world.nodes[node].away = false,
        }
        (world != *last).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("one root at most takes writes", |_, world: &World| {
                let open = world.living().filter(|node| node.is_root && node.open);
                open.count() <= 1
            }),
            Property::always("an open root has every acknowledged write", |_, world: &World| {
                let open = world.living().find(|node| node.is_root && node.open);
                match open {
                    Some(root) => root.has(world.acknowledged),
                    None => world
                        .living()
                        .any(|node| node.is_root && node.has(world.acknowledged)),
                }
            }),
            Property::always("all queues are beginnings of one stream", |_, world: &World| {
                // Who stands still may have to go back before he goes on.
                let moving = || world.living().filter(|node| !node.stands());
                let longest = moving().map(|node| &node.log).max_by_key(|log| log.len());
                moving().all(|node| longest.is_some_and(|longest| longest.starts_with(&node.log)))
            }),
            Property::always("who reads is kept in mind where it reads", |_, world: &World| {
                world.nodes.iter().enumerate().all(|(index, node)| {
                    let kept = world.nodes[node.provider].readers.get(&index);
                    node.is_root || node.stands() || kept.is_some_and(|kept| *kept <= node.position())
                })
            }),
            Property::always("in the end all is well", |model: &Self, world: &World| {
                let mut actions = Vec::new();
                model.actions(world, &mut actions);
                let is_over = actions
                    .iter()
                    .filter(|action| !matches!(action, Action::GoesAway(_) | Action::AdminDies(_)))
                    .all(|action| model.next_state(world, action.clone()).is_none());
                !is_over || is_well(world)
            }),
            Property::sometimes("the tree has changed", |model: &Self, world: &World| {
                let is_moved =
                    |(index, node): (usize, &Node)| node.provider != model.index(model.tree[index].1);
                world.plans.is_empty() && world.nodes.iter().enumerate().any(is_moved)
            }),
            Property::sometimes("a plan is taken back", |_, world: &World| {
                world.plans.iter().any(|record| record.plan.is_undone)
            }),
        ]
    }
}

/// One open root, nobody stands still, everybody has everything.
fn is_well(world: &World) -> bool {
    let roots: Vec<&Node> = world.living().filter(|node| node.is_root).collect();
    let [root] = roots[..] else {
        return false;
    };
    root.open
        && world.plans.is_empty()
        && world
            .living()
            .all(|node| !node.paused && node.half.is_none() && node.log == root.log)
}

const SMALL: &[(&str, &str)] = &[("r", "r"), ("a", "r"), ("b", "r"), ("l", "a")];
/// With `MODEL=large` (make soak).
const LARGE: &[(&str, &str)] = &[("r", "r"), ("a", "r"), ("b", "r"), ("c", "b"), ("l", "a")];

fn cascade(wishes: &[Wish], writes: u8, faults: u8) -> Cascade {
    let is_large = std::env::var("MODEL").is_ok_and(|size| size == "large");
    Cascade {
        flaw: None,
        tree: if is_large { LARGE } else { SMALL }.to_vec(),
        wishes: wishes.to_vec(),
        writes,
        faults,
    }
}

const TAKE_ALL: Wish = Wish::Takeover {
    old: "r",
    new: "a",
    all: true,
};
const TAKE_OTHER: Wish = Wish::Takeover {
    old: "r",
    new: "b",
    all: false,
};
const MOVE_LEAF: Wish = Wish::ChangeProvider {
    node: "l",
    provider: "b",
};

#[test]
fn a_root_is_taken_over_whoever_dies() {
    assert_sound(cascade(&[TAKE_ALL], 1, 1), 10_000);
}

#[test]
fn two_administrators_do_not_disturb_each_other() {
    assert_sound(cascade(&[TAKE_OTHER, MOVE_LEAF], 1, 0), 5_000);
}

#[test]
fn a_leaf_changes_its_provider_whoever_dies() {
    assert_sound(cascade(&[MOVE_LEAF], 1, 2), 10_000);
}

/// A leaf that reads from the root itself may be the only one that has its last tick.
const WITH_LEAF: &[(&str, &str)] = &[("r", "r"), ("a", "r"), ("b", "r"), ("l", "r")];
const REPLACE_DEAD: Wish = Wish::TakeoverDead {
    old: "r",
    new: Some("a"),
};

#[test]
fn a_dead_root_is_replaced_and_may_come_back() {
    let mut model = cascade(&[REPLACE_DEAD], 2, 2);
    model.tree = WITH_LEAF.to_vec();
    assert_sound(model, 10_000);
}

#[test]
fn broken_rules_of_a_takeover_are_noticed() {
    for (flaw, wishes, faults) in [
        (Flaw::NobodyWaits, [TAKE_ALL].as_slice(), 0),
        (Flaw::WritersSlipThrough, &[TAKE_ALL], 0),
        (Flaw::OpenedFirst, &[TAKE_ALL], 0),
        (Flaw::PointedFirst, &[MOVE_LEAF], 0),
        (Flaw::NoMarks, &[TAKE_ALL, TAKE_OTHER], 0),
        (Flaw::TakenBackLate, &[TAKE_ALL], 1),
        (Flaw::LeftPaused, &[MOVE_LEAF], 0),
        (Flaw::StalePlan, &[TAKE_ALL, TAKE_OTHER], 0),
        (Flaw::NobodyHalted, &[REPLACE_DEAD], 2),
        (Flaw::NobodyGoesBack, &[REPLACE_DEAD], 2),
    ] {
        let mut model = cascade(wishes, 1, faults);
        if faults == 2 {
            model.tree = WITH_LEAF.to_vec();
        }
        model.flaw = Some(flaw);
        assert_noticed(model, &format!("{flaw:?}"));
    }
}
