//! The command `rename-node`.

use clap::Args;
use tracing::info;

use super::Context;
use crate::cascade::everyone::Everyone;
use crate::cascade::rename::RenamePlan;
use crate::error::Result;

/// The names.
#[derive(Args, Debug)]
pub struct RenameArgs {
    /// Present name of the node
    #[arg(value_name = "OLD")]
    pub old: String,
    /// Its name from now on
    #[arg(value_name = "NEW")]
    pub new: String,
    /// Only show the steps
    #[arg(long)]
    pub dry_run: bool,
}

pub(super) async fn rename_node(context: Context, args: RenameArgs) -> Result<u8> {
    let mut admin = context.admin()?;
    admin.node_info().await?;
    let members = admin.members().await?;
    let queue = admin.queue().to_owned();
    let (dialer, stop) = (admin.dialer().clone(), admin.stop.clone());
    let work = async {
        let mut all = Everyone::reach(&dialer, &queue, &members).await?;
        let plan = RenamePlan::make(&all, &queue, &args.old, &args.new).await?;
        if plan.is_done {
            info!(
                "Nobody knows a node '{}' any more, and '{}' is there: nothing to do",
                args.old, args.new
            );
            return Ok(());
        }
        if args.dry_run {
            for (nth, step) in plan.steps(&all).iter().enumerate() {
                admin.ui.line(format!("{}. {step}", nth + 1));
            }
            return Ok(());
        }
        plan.run(&mut all).await.map_err(|error| {
            error.with_hint(format!(
                "\"londiste rename-node {} {}\" again goes on from here",
                args.old, args.new
            ))
        })?;
        info!("Node '{}' is called '{}' now", args.old, args.new);
        admin.ui.hint(format!(
            "if the node's job file has node_name = {}, change it there, too",
            args.old
        ));
        Ok(())
    };
    stop.unless_stopped(work).await?;
    Ok(0)
}
