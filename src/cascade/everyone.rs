//! All members of a cascade at once: those that can be reached, and why the others cannot.

use std::time::Duration;

use futures::StreamExt;

use super::route::{Reached, reach};
use crate::error::{Error, ErrorKind, Result};
use crate::node::Dialer;
use crate::node::info::{Member, load_members};

/// How long one member may take to answer.
const LIMIT: Duration = Duration::from_secs(15);
/// How many members are asked at the same time.
const AT_ONCE: usize = 100;

/// The members that live, each once.
pub struct Everyone {
    /// Those with an open connection.
    pub reached: Vec<Reached>,
    /// Names of the others, with the reason.
    pub missed: Vec<(String, Error)>,
    /// All members that anybody knows, dead ones included.
    pub members: Vec<Member>,
}

impl Everyone {
    /// Opens the members that `known` lists and those that the root lists; dead ones are left out.
    pub async fn reach(dialer: &Dialer, queue: &str, known: &[Member]) -> Result<Self> {
        let mut all = Self {
            reached: Vec::new(),
            missed: Vec::new(),
            members: known.to_vec(),
        };
        all.open(dialer, queue, known).await;
        // The list in hand may be old.
        if let Ok(root) = all.root() {
            let at_root = load_members(&*root.session, queue).await?;
            let new: Vec<Member> = at_root
                .into_iter()
                .filter(|m| !all.members.iter().any(|k| k.node_name == m.node_name))
                .collect();
            all.open(dialer, queue, &new).await;
            all.members.extend(new);
        }
        Ok(all)
    }

    async fn open(&mut self, dialer: &Dialer, queue: &str, members: &[Member]) {
        let mut places: Vec<&Member> = Vec::new();
        for member in members.iter().filter(|m| !m.dead) {
            // In the middle of a renaming a database is known by two names.
            if !places.iter().any(|p| p.location == member.location) {
                places.push(member);
            }
        }
        let outcomes: Vec<(&Member, Result<Reached>)> = futures::stream::iter(places)
            .map(|member| async move {
                let reached = tokio::time::timeout(LIMIT, reach(dialer, queue, &member.location)).await;
                let late = || {
                    Err(Error::new(
                        ErrorKind::Timeout,
                        format!("no answer within {} s", LIMIT.as_secs()),
                    ))
                };
                (member, reached.unwrap_or_else(|_| late()))
            })
            .buffered(AT_ONCE)
            .collect()
            .await;
        for (member, outcome) in outcomes {
            match outcome {
                Ok(reached)
                    if self
                        .reached
                        .iter()
                        .any(|r| r.info.node_name == reached.info.node_name) => {}
                Ok(reached) => self.reached.push(reached),
                Err(error) => self.missed.push((member.node_name.clone(), error)),
            }
        }
    }

    /// The root.
    ///
    /// # Errors
    /// When none was reached, or more than one.
    pub fn root(&self) -> Result<&Reached> {
        let roots: Vec<&Reached> = self.reached.iter().filter(|r| r.info.is_root()).collect();
        match roots[..] {
            [root] => Ok(root),
            [] => {
                let error = Error::refused("the root of the cascade cannot be reached");
                Err(match self.why_missed() {
                    Some(why) => error.with_detail(why),
                    None => error,
                })
            }
            _ => {
                let names: Vec<&str> = roots.iter().map(|r| r.info.node_name.as_str()).collect();
                Err(
                    Error::refused(format!("there are {} roots: {}", roots.len(), names.join(", ")))
                        .with_hint("finish the switchover first, or bring the old root back as a branch"),
                )
            }
        }
    }

    /// The member that calls itself `name`.
    pub fn find(&self, name: &str) -> Option<&Reached> {
        self.reached.iter().find(|r| r.info.node_name == name)
    }

    /// Where a member is, by all that is known.
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|m| m.node_name == name)
    }

    /// Who cannot be reached and why, in one line.
    pub fn why_missed(&self) -> Option<String> {
        let lines: Vec<String> = self
            .missed
            .iter()
            .map(|(name, error)| format!("{name}: {}", error.message()))
            .collect();
        (!lines.is_empty()).then(|| lines.join("; "))
    }
}
