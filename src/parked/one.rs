//! One event of a table whose events may be parked.

use super::{Parking, behind, is_parkable};
use crate::apply::{Applier, RowText};
use crate::error::Result;
use crate::pg::Session;
use crate::pgq::{Event, TickId};
use crate::table::Table;

impl Parking {
    /// Applies a row event by itself, or puts it aside when it cannot be applied or another one of its row lies there.
    pub async fn apply_or_park(
        &mut self,
        local: &Session,
        applier: &mut Applier,
        (queue, table): (&str, &Table),
        event: &Event,
        tick: TickId,
    ) -> Result<()> {
        let place = (queue, table.name.as_str());
        let target = applier.target(local, &table.dest).await.ok();
        if let Some(blocker) = self.blocker(&table.name, event) {
            let why = behind(blocker);
            return self.park(local, place, target, tick, (event, &why)).await;
        }
        // What waits is of other tables, and has its own errors.
        applier.flush(local).await?;
        local.batch_execute("savepoint parking").await?;
        let applied = async {
            applier.row_change(local, &table.dest, RowText::of(event)).await?;
            applier.flush(local).await
        };
        match applied.await {
            // By what the table is now it may succeed.
            Err(why) if is_parkable(&why) && !applier.may_be_outdated() => {
                applier.take_failed();
                applier.forget_target(&table.dest);
                local
                    .batch_execute("rollback to savepoint parking; release savepoint parking")
                    .await?;
                self.park(local, place, target, tick, (event, &why)).await
            }
            Err(error) => Err(error),
            Ok(()) => Ok(local.batch_execute("release savepoint parking").await?),
        }
    }
}
