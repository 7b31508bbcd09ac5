//! Fault points: named places between two durable steps where a test can end the process as `kill -9` would.
//!
//! `LONDISTE_FAULT=name` ends the process the first time that `name` is reached, `LONDISTE_FAULT=name:3` the third time.
//! Active in debug builds and with the feature `fault-points`; in an ordinary release build a point costs nothing and
//! the variable has no effect.

/// All fault points, in the order in which a table's life meets them; tests walk this list.
pub const FAULT_POINTS: &[&str] = &[
    "worker.batch.opened",
    "worker.apply.set-statement",
    "worker.apply.rolled-back",
    "worker.apply.before-commit",
    "worker.apply.committed",
    "worker.tick.created",
    "worker.finish.before",
    "worker.finish.done",
    "worker.behind.committed",
    "table.in-copy.before-commit",
    "table.in-copy.committed",
    "copy.registered",
    "copy.structure.dropped",
    "copy.ranges.before-commit",
    "copy.ranges.committed",
    "copy.range.before-commit",
    "copy.range.committed",
    "copy.resumed.committed",
    "copy.delta.before-commit",
    "copy.delta.committed",
    "copy.index.before-commit",
    "copy.index.committed",
    "copy.data.before-commit",
    "copy.data.committed",
    "copy.structure.restored",
    "copy.catch-up.before-commit",
    "copy.catch-up.committed",
    "copy.wanna-sync.committed",
    "worker.do-sync.committed",
    "copy.ok.before-commit",
    "copy.ok.committed",
    "worker.foreign-key.restored",
];

/// Fault points of programs that read a queue through [`crate::client`], in the order of one batch.
pub const CLIENT_FAULT_POINTS: &[&str] = &[
    "client.batch.opened",
    "client.work.before-commit",
    "client.work.committed",
    "client.finish.before-commit",
    "client.finish.done",
];

/// Fault points of plans: after the record was made; for each kind of step after it was done and after that was marked; the
/// same on the way back.
pub const PLAN_FAULT_POINTS: &[&str] = &[
    "plan.recorded",
    "plan.catch-up.done",
    "plan.catch-up.marked",
    "plan.reserve.done",
    "plan.reserve.marked",
    "plan.subscribe.done",
    "plan.subscribe.marked",
    "plan.pause.done",
    "plan.pause.marked",
    "plan.resume.done",
    "plan.resume.marked",
    "plan.point.done",
    "plan.point.marked",
    "plan.unsubscribe.done",
    "plan.unsubscribe.marked",
    "plan.meet-merge.done",
    "plan.meet-merge.marked",
    "plan.close.done",
    "plan.close.marked",
    "plan.last-tick.done",
    "plan.last-tick.marked",
    "plan.reach.done",
    "plan.reach.marked",
    "plan.carry-sequences.done",
    "plan.carry-sequences.marked",
    "plan.promote.done",
    "plan.promote.marked",
    "plan.demote.done",
    "plan.demote.marked",
    "plan.tidy.done",
    "plan.tidy.marked",
    "plan.undo.done",
    "plan.undo.marked",
];

/// The same for steps that only the plans around a dead node have.
pub const FAILOVER_FAULT_POINTS: &[&str] = &[
    "plan.tag.done",
    "plan.tag.marked",
    "plan.halt.done",
    "plan.halt.marked",
    "plan.lead.done",
    "plan.lead.marked",
    "plan.gravestone.done",
    "plan.gravestone.marked",
    "plan.go-back.done",
    "plan.go-back.marked",
    "plan.report.done",
    "plan.report.marked",
    "plan.rejoin.done",
    "plan.rejoin.marked",
    "plan.admit.done",
    "plan.admit.marked",
];

/// The fault point of a step of this kind.
pub fn plan_point(kind: &str, when: &str) {
    let of_kind = |name: &&&str| {
        name.strip_prefix("plan.")
            .and_then(|rest| rest.strip_prefix(kind))
            .and_then(|rest| rest.strip_prefix('.'))
            == Some(when)
    };
    let name = PLAN_FAULT_POINTS
        .iter()
        .chain(FAILOVER_FAULT_POINTS)
        .find(of_kind);
    debug_assert!(name.is_some(), "step {kind} has no fault points");
    if let Some(name) = name {
        point(name);
    }
}

/// Fault points of `rename-node`, in the order in which it meets them.
pub const RENAME_FAULT_POINTS: &[&str] = &[
    "cascade.rename.known",
    "cascade.rename.subscribed",
    "cascade.rename.itself",
    "cascade.rename.told",
    "cascade.rename.forgotten",
];

/// Ends the process here when the environment names this point.
#[cfg(any(debug_assertions, feature = "fault-points"))]
pub fn point(name: &'static str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static ARMED: OnceLock<Option<(String, u64)>> = OnceLock::new();
    static REACHED: AtomicU64 = AtomicU64::new(0);

    debug_assert!(
        [
            FAULT_POINTS,
            CLIENT_FAULT_POINTS,
            PLAN_FAULT_POINTS,
            FAILOVER_FAULT_POINTS,
            RENAME_FAULT_POINTS
        ]
        .iter()
        .any(|list| list.contains(&name)),
        "fault point {name} is not in the list"
    );
    let armed = ARMED.get_or_init(|| {
        let text = std::env::var("LONDISTE_FAULT").ok()?;
        Some(match text.rsplit_once(':') {
            Some((name, count)) => (name.to_owned(), count.parse().unwrap_or(1)),
            None => (text, 1),
        })
    });
    if let Some((armed_name, count)) = armed
        && armed_name == name
        && REACHED.fetch_add(1, Ordering::SeqCst) + 1 == *count
    {
        eprintln!("fault point {name} reached: ending the process");
        let me = nix::unistd::getpid();
        // SIGKILL cannot fail for one's own process; abort is the belt.
        let _ = nix::sys::signal::kill(me, nix::sys::signal::Signal::SIGKILL);
        std::process::abort();
    }
}

/// Does nothing in a release build.
#[cfg(not(any(debug_assertions, feature = "fault-points")))]
#[inline(always)]
pub fn point(_name: &'static str) {}
