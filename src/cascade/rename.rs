//! Gives a node another name.
//!
//! A name is known all over the cascade: as a location on every member, as the subscriber of its provider, as the provider
//! of its children, and as itself. So every member that is not tagged as dead has to be reached, which is checked before
//! anything is changed. Then, each in a transaction of its own database:
//!
//! 1. every member learns the location under the new name, the root first, whose queue tells the others, too;
//! 2. whoever feeds the node renames its subscription and its watermark, at the place where it stands;
//! 3. the node renames itself;
//! 4. whoever reads from it reads from the new name, and all that is kept by the name moves along;
//! 5. every member forgets the old name.
//!
//! Each step finds its own work done, so the same command goes on after an interruption; until the third the node is the
//! old one everywhere that counts, and `drop-node NEW` is the way back. Workers need not stand still: they compare the
//! name of their provider before each commit.

use tokio_postgres::Transaction;
use tracing::info;

use super::everyone::Everyone;
use super::plan::record;
use super::route::Reached;
use crate::error::{Error, Result};
use crate::node::call_quietly;
use crate::node::info::{load_members, unknown_member};
use crate::pgq::urldict;
use crate::service::fault;
use crate::sql;

/// What a renaming will do, or why it may not be done.
#[derive(Debug)]
pub struct RenamePlan {
    queue: String,
    old: String,
    new: String,
    location: String,
    /// Nobody knows the old name any more.
    pub is_done: bool,
}

impl RenamePlan {
    /// Looks at all members; changes nothing.
    ///
    /// # Errors
    /// When the new name is taken, or somebody who would have to learn it cannot be reached.
    pub async fn make(all: &Everyone, queue: &str, old: &str, new: &str) -> Result<Self> {
        if new.is_empty() || new == old {
            return Err(Error::refused("the new name must be another one"));
        }
        if let Some(dead) = all.member(old).filter(|m| m.dead) {
            return Err(
                Error::refused(format!("node \"{}\" is tagged as dead", dead.node_name))
                    .with_hint(format!("if it lives: londiste tag-alive {old}")),
            );
        }
        if let Some(why) = all.why_missed() {
            return Err(
                Error::refused("not all members can be reached, and all of them know the name")
                    .with_detail(why)
                    .with_hint("members that are gone for good: drop-node or tag-dead"),
            );
        }
        for node in &all.reached {
            if let Some(known) = record::load(&node.session, queue).await? {
                return Err(known.refusal(false));
            }
        }
        let root = all.root()?;
        let (itself, location) = match (all.find(old), all.find(new)) {
            (Some(itself), None) => {
                let known = all.member(old).map(|m| m.location.clone());
                if let Some(taken) = all.member(new).filter(|m| Some(&m.location) != known.as_ref()) {
                    return Err(taken_name(&taken.node_name));
                }
                (itself, known)
            }
            (None, Some(itself)) => (itself, all.member(new).map(|m| m.location.clone())),
            (Some(_), Some(_)) => return Err(taken_name(new)),
            (None, None) => {
                return Err(unknown_member(old, &all.members));
            }
        };
        let location = location.ok_or_else(|| {
            Error::refused(format!(
                "nobody knows the location of node \"{}\"",
                itself.info.node_name
            ))
        })?;
        let mut is_done = itself.info.node_name == new;
        if is_done {
            // An earlier run got this far, if the old name meant this database.
            let mut knows_old = false;
            for node in &all.reached {
                let members = load_members(&*node.session, queue).await?;
                knows_old |= members.iter().any(|m| m.node_name == old);
            }
            let is_ours = all.member(old).is_none_or(|m| m.location == location);
            if !is_ours {
                return Err(taken_name(new));
            }
            is_done = !knows_old && all.member(old).is_none();
        }
        info!(
            "Root is '{}', {} member(s) will learn the name",
            root.info.node_name,
            all.reached.len()
        );
        Ok(Self {
            queue: queue.to_owned(),
            old: old.to_owned(),
            new: new.to_owned(),
            location,
            is_done,
        })
    }

    /// The steps in words.
    pub fn steps(&self, all: &Everyone) -> Vec<String> {
        let (old, new) = (&self.old, &self.new);
        let names: Vec<&str> = all.reached.iter().map(|r| r.info.node_name.as_str()).collect();
        let reads = |reader: &Reached| {
            reader
                .info
                .provider_node
                .as_deref()
                .is_some_and(|p| p == old || p == new)
                && reader.info.node_name != *old
                && reader.info.node_name != *new
        };
        let children: Vec<&str> = all
            .reached
            .iter()
            .filter(|r| reads(r))
            .map(|r| r.info.node_name.as_str())
            .collect();
        let provider = all
            .find(old)
            .or_else(|| all.find(new))
            .filter(|r| !r.info.is_root())
            .and_then(|r| r.info.provider_node.as_deref());
        vec![
            format!("make the location of '{new}' known on: {}", names.join(", ")),
            match provider {
                Some(provider) => format!("rename the subscription and its watermark on '{provider}'"),
                None => "no subscription is to be renamed: it is the root".to_owned(),
            },
            format!("rename the node itself from '{old}' to '{new}'"),
            if children.is_empty() {
                "nobody reads from it".to_owned()
            } else {
                format!("tell those that read from it: {}", children.join(", "))
            },
            format!("forget the location of '{old}' on: {}", names.join(", ")),
        ]
    }

    /// Carries the steps out.
    pub async fn run(&self, all: &mut Everyone) -> Result<()> {
        let steps = self.steps(all);
        // The root first: its queue tells those who join meanwhile.
        all.reached.sort_by_key(|r| !r.info.is_root());
        let tell = |step: usize| info!("Step {} of {}: {}", step + 1, steps.len(), steps[step]);
        tell(0);
        for node in &all.reached {
            call_quietly(
                &*node.session,
                Some(&node.info.node_name),
                sql::cascade::REGISTER_LOCATION,
                &[&self.queue, &self.new, &self.location, &false],
            )
            .await?;
            fault::point("cascade.rename.known");
        }
        tell(1);
        for node in &mut all.reached {
            self.rename_subscriber(node).await?;
        }
        fault::point("cascade.rename.subscribed");
        tell(2);
        let names = [&self.old, &self.new];
        for node in all
            .reached
            .iter_mut()
            .filter(|r| names.contains(&&r.info.node_name))
        {
            let transaction = node.session.transaction().await?;
            let params: &[&(dyn tokio_postgres::types::ToSql + Sync)] = &[&self.queue, &self.old, &self.new];
            transaction.execute(sql::cascade::RENAME_SELF, params).await?;
            transaction.execute(sql::cascade::RENAME_PROVIDER, params).await?;
            transaction.commit().await?;
        }
        fault::point("cascade.rename.itself");
        tell(3);
        for node in &mut all.reached {
            self.rename_provider(node).await?;
            fault::point("cascade.rename.told");
        }
        tell(4);
        for node in &all.reached {
            let members = load_members(&*node.session, &self.queue).await?;
            if members.iter().any(|m| m.node_name == self.old) {
                call_quietly(
                    &*node.session,
                    Some(&node.info.node_name),
                    sql::cascade::UNREGISTER_LOCATION,
                    &[&self.queue, &self.old],
                )
                .await?;
            }
            fault::point("cascade.rename.forgotten");
        }
        Ok(())
    }

    /// The subscription, its watermark, and after a failover the gravestone that stands for the node.
    async fn rename_subscriber(&self, node: &mut Reached) -> Result<()> {
        let (queue, old, new) = (&self.queue, &self.old, &self.new);
        let transaction = node.session.transaction().await?;
        let Some(row) = transaction
            .query_opt(sql::cascade::LOAD_SUBSCRIBER, &[queue, old])
            .await?
        else {
            return Ok(());
        };
        let (worker, watermark): (String, String) = (row.get("worker_name"), row.get("watermark_name"));
        let renamed = |name: &str| {
            if name == format!("{old}.gravestone") {
                format!("{new}.gravestone")
            } else if name == format!(".{old}.watermark") {
                format!(".{new}.watermark")
            } else {
                name.to_owned()
            }
        };
        let moves = [&worker, &watermark].map(|name| (name, renamed(name)));
        let moves = || moves.iter().filter(|(from, to)| *from != to);
        for (from, to) in moves() {
            let moved = transaction
                .query_opt(sql::cascade::MOVE_CONSUMER, &[queue, from, to])
                .await?;
            if moved.is_none() {
                return Err(Error::refused(format!(
                    "consumer \"{from}\" of node \"{old}\" is not registered on \"{}\"",
                    node.info.node_name
                ))
                .with_hint(format!(
                    "was it detached? londiste queue attach {queue} {worker} puts it back"
                )));
            }
        }
        transaction
            .execute(
                sql::cascade::RENAME_SUBSCRIBER,
                &[queue, old, new, &renamed(&watermark), &renamed(&worker)],
            )
            .await?;
        for (from, _) in moves() {
            transaction
                .query(sql::cascade::UNREGISTER_CONSUMER, &[queue, from])
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Everything that is kept on a node by the name of its provider, or of others.
    async fn rename_provider(&self, node: &mut Reached) -> Result<()> {
        let params: &[&(dyn tokio_postgres::types::ToSql + Sync)] = &[&self.queue, &self.old, &self.new];
        let transaction = node.session.transaction().await?;
        transaction.execute(sql::cascade::RENAME_PROVIDER, params).await?;
        let places = transaction
            .query_one(sql::cascade::FIND_RENAME_PLACES, &[])
            .await?;
        for (place, text) in [
            ("stream", sql::cascade::RENAME_STREAM),
            ("detached", sql::cascade::RENAME_DETACHED),
            ("copy_run", sql::cascade::RENAME_COPY_RUN),
        ] {
            if places.get(place) {
                transaction.execute(text, params).await?;
            }
        }
        if let Some(attrs) = renamed_attrs(node.info.node_attrs.as_deref(), &self.old, &self.new)? {
            call_quietly(
                &transaction,
                None,
                sql::cascade::SET_NODE_ATTRS,
                &[&self.queue, &attrs],
            )
            .await?;
        }
        let tables = transaction.query_one(sql::cascade::HAS_LONDISTE, &[]).await?;
        if tables.get("there") {
            self.rename_copy_node(&transaction).await?;
        }
        transaction.commit().await?;
        node.session
            .query_one(sql::cascade::WAKE_WORKER, &[&self.queue])
            .await?;
        Ok(())
    }

    /// Tables whose rows shall be taken from the node.
    async fn rename_copy_node(&self, transaction: &Transaction<'_>) -> Result<()> {
        let rows = transaction.query(sql::table::LIST_TABLES, &[&self.queue]).await?;
        for row in rows.iter().filter(|row| row.get("local")) {
            let attrs: Option<&str> = row.get("table_attrs");
            let renamed = renamed_value(attrs, "copy_node", |name| {
                (name == self.old).then(|| self.new.clone())
            })?;
            if let Some(attrs) = renamed {
                call_quietly(
                    transaction,
                    None,
                    sql::table::LOCAL_SET_TABLE_ATTRS,
                    &[&self.queue, &row.get::<_, &str>("table_name"), &attrs],
                )
                .await?;
            }
        }
        Ok(())
    }
}

fn taken_name(name: &str) -> Error {
    Error::refused(format!("Node '{name}' already exists")).with_hint("choose another name")
}

/// The node's attributes with the new name in the list of nodes that agree on a watermark; `None` when it is not in there.
fn renamed_attrs(attrs: Option<&str>, old: &str, new: &str) -> Result<Option<String>> {
    renamed_value(attrs, "sync_watermark", |list| {
        let names: Vec<&str> = list.split(',').map(str::trim).collect();
        let renamed = |name: &&str| if *name == old { new } else { *name }.to_owned();
        names
            .contains(&old)
            .then(|| names.iter().map(renamed).collect::<Vec<_>>().join(","))
    })
}

/// Url-encoded attributes with another value of one key; `None` when `rename` leaves it.
fn renamed_value(
    attrs: Option<&str>,
    key: &str,
    rename: impl Fn(&str) -> Option<String>,
) -> Result<Option<String>> {
    let mut changed = false;
    let mut pairs: Vec<(String, Option<String>)> = Vec::new();
    for (name, value) in urldict::decode(attrs.unwrap_or(""))? {
        let mut value = value.map(|v| v.into_owned());
        if name == key
            && let Some(renamed) = value.as_deref().and_then(&rename)
        {
            changed = true;
            value = Some(renamed);
        }
        pairs.push((name.into_owned(), value));
    }
    Ok(changed.then(|| urldict::encode(pairs.iter().map(|(k, v)| (k.as_str(), v.as_deref())))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_the_attributes_is_replaced() {
        assert_eq!(
            renamed_attrs(Some("sync_watermark=a%2cb"), "b", "c")
                .unwrap()
                .unwrap(),
            urldict::encode([("sync_watermark", Some("a,c"))])
        );
        assert_eq!(
            renamed_attrs(Some("sync_watermark=a%2cbb"), "b", "c").unwrap(),
            None
        );
        assert_eq!(renamed_attrs(None, "b", "c").unwrap(), None);
    }
}
