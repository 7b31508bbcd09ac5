//! Replicated scripts: whether a script concerns this node, and its run (londiste.md 6.5).
//!
//! A script is an event like any other; it runs in the transaction of its batch, with the row triggers of the queue
//! silent (session_replication_role = local), and is recorded in `londiste.applied_execute`, so that it runs once.

mod attributes;

use tokio_postgres::Client;

pub use attributes::{Attribute, Attributes, Condition};

use crate::error::{Error, Result};
use crate::pg::{QualifiedName, quote_fqname};
use crate::pgq::Event;
use crate::sql;

/// Replays one EXECUTE event inside the caller's transaction. Afterwards the session's role is `replica` again.
///
/// # Errors
/// When some conditions of the script hold and others do not (it must not half run), or a statement fails.
pub async fn replay_script(client: &Client, queue: &str, event: &Event) -> Result<()> {
    let file = event.extra1.as_deref().unwrap_or("");
    let script = event.data.as_deref().unwrap_or("");
    let stored = event.extra2.as_deref().unwrap_or("");
    let named = |error: Error| error.context(format!("event {}: script \"{file}\"", event.id));
    client.query(sql::execute::SET_ROLE, &[&"local"]).await?;
    let started = client
        .query_one(
            "select ret_code, ret_note from londiste.execute_start($1, $2, $3, false, $4)",
            &[&queue, &file, &script, &stored],
        )
        .await?;
    let (code, note): (i32, String) = (started.get(0), started.get(1));
    if code > 200 {
        tracing::warn!("script \"{file}\" is skipped: {note}");
    } else {
        let attributes = Attributes::parse_stored(stored).map_err(named)?;
        let (conditions, names) = check(client, queue, &attributes).await?;
        if attributes::decide(&conditions).map_err(named)? {
            tracing::info!("{queue}: executing sql of \"{file}\"");
            let script = attributes::substitute(script, &names);
            client.batch_execute(&script).await.map_err(|error| {
                named(Error::from(error)).with_hint(
                    "repair the cause on this node: replay goes on by itself; or, to skip the script here, insert \
                     its name into londiste.applied_execute",
                )
            })?;
        } else {
            tracing::info!("{queue}: script \"{file}\" does not concern this node");
        }
        client
            .query("select * from londiste.execute_finish($1, $2)", &[&queue, &file])
            .await?;
    }
    client.query(sql::execute::SET_ROLE, &[&"replica"]).await?;
    Ok(())
}

/// Looks every condition up; also the local names for `@name@`.
async fn check(
    client: &Client,
    queue: &str,
    attributes: &Attributes,
) -> Result<(Vec<Condition>, Vec<(String, String)>)> {
    let (mut conditions, mut names) = (Vec::new(), Vec::new());
    for (attribute, value) in attributes.iter() {
        let holds = match attribute {
            Attribute::LocalTable | Attribute::LocalSequence | Attribute::LocalDestination => {
                let kind = if attribute == Attribute::LocalSequence {
                    "sequence"
                } else {
                    "table"
                };
                let global = QualifiedName::parse(value).fqname();
                let row = client
                    .query_opt(sql::execute::LOCAL_DESTINATION, &[&queue, &kind, &global])
                    .await?;
                match row.map(|row| row.get::<_, String>("dest")) {
                    None => false,
                    Some(dest) => {
                        names.push((value.to_owned(), quote_fqname(&dest)));
                        attribute != Attribute::LocalDestination || exists(client, "table", &dest, 0).await?
                    }
                }
            }
            Attribute::NeedTable => exists(client, "table", value, 0).await?,
            Attribute::NeedSequence => exists(client, "sequence", value, 0).await?,
            Attribute::NeedView => exists(client, "view", value, 0).await?,
            Attribute::NeedSchema => exists(client, "schema", value, 0).await?,
            Attribute::NeedFunction => {
                let (name, count) = attributes::function_signature(value)?;
                exists(client, "function", name, count).await?
            }
        };
        conditions.push(Condition {
            attribute,
            value: value.to_owned(),
            holds,
        });
    }
    Ok((conditions, names))
}

async fn exists(client: &Client, kind: &str, name: &str, arguments: i32) -> Result<bool> {
    let (schema, object) = match name.split_once('.') {
        // Ancestor: a schema's name without dot got `public.` in front and never matched (Q19).
        _ if kind == "schema" => (None, name),
        Some((schema, object)) => (Some(schema), object),
        None => (None, name),
    };
    let row = client
        .query_one(
            sql::execute::OBJECT_EXISTS,
            &[&kind, &schema, &object, &arguments],
        )
        .await?;
    Ok(row.get("found"))
}
