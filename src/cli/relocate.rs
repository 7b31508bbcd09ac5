//! The command `change-location`.

use clap::Args;
use tracing::{info, warn};

use super::Context;
use super::admin::unknown_node;
use crate::cascade::everyone::Everyone;
use crate::cascade::{location, relocate, route};
use crate::error::{Error, Result};
use crate::node::info::Member;
use crate::pg::ConnInfo;

/// Which node, and where it is.
#[derive(Args, Debug)]
pub struct LocationArgs {
    /// Connect string that other nodes use from now on
    #[arg(value_name = "PUBLIC_CONNSTR")]
    pub connstr: String,
    /// Name of the node; the local one if left out
    #[arg(long, value_name = "NODE")]
    pub node: Option<String>,
    /// Do not check that the connect string leads to the node's database
    #[arg(long)]
    pub nocheck: bool,
}

pub(super) async fn change_location(context: Context, args: LocationArgs) -> Result<u8> {
    let mut admin = context.admin()?;
    let local = admin.node_info().await?;
    let mut members = admin.members().await?;
    let name = args.node.clone().unwrap_or_else(|| local.node_name.clone());
    let Some(at) = members.iter().position(|m| m.node_name == name) else {
        return Err(unknown_node(&name, &members));
    };
    location::warn_unreachable(&ConnInfo::parse(&args.connstr)?);
    let queue = admin.queue().to_owned();
    let (dialer, stop) = (admin.dialer().clone(), admin.stop.clone());
    if !args.nocheck {
        let old = members[at].clone();
        let is_local = name == local.node_name;
        let session = if is_local {
            Some(admin.local().await?)
        } else {
            None
        };
        let work = async {
            let there = route::reach(&dialer, &queue, &args.connstr).await?;
            if there.info.node_name != name {
                return Err(Error::refused(format!(
                    "the connect string leads to node \"{}\", not to \"{name}\"",
                    there.info.node_name
                ))
                .with_detail(there.session.target().to_owned()));
            }
            match session {
                Some(local) => location::check(local, &args.connstr, &dialer).await,
                None => check_remote(&old, &args.connstr, &dialer).await,
            }
        };
        stop.unless_stopped(work).await?;
    }
    let dead = members[at].dead;
    members[at].location = args.connstr.clone();
    let work = async {
        let mut all = Everyone::reach(&dialer, &queue, &members).await?;
        let has_root = all.root().map(|root| root.info.node_name.clone());
        let missed = relocate::change_location(&mut all, &queue, &name, &args.connstr, dead).await?;
        Ok((has_root, missed))
    };
    let (root, missed) = stop.unless_stopped(work).await?;
    info!("Location of node '{name}' is changed");
    match root {
        Ok(root) if !missed.contains(&root) => {
            if !missed.is_empty() {
                admin.ui.hint(format!(
                    "these hear it through the queue, unless they read from '{name}' itself: {}",
                    missed.join(", ")
                ));
            }
            Ok(0)
        }
        _ => {
            admin.ui.hint(
                "the root was not told, so nobody hears it through the queue: run this again when it is back",
            );
            Ok(1)
        }
    }
}

/// Compares over the old place, if that can still be reached; else the name of the node has to do.
async fn check_remote(old: &Member, connstr: &str, dialer: &crate::node::Dialer) -> Result<()> {
    match dialer.remote(&old.location).await {
        Ok(session) => location::check(&session, connstr, dialer).await,
        Err(error) => {
            warn!(
                "the old location cannot be compared with the new one: {}",
                error.line()
            );
            Ok(())
        }
    }
}
