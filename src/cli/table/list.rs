//! `tables`, `seqs`, `missing`, `fkeys`: what is here, in the ancestor's layout or as JSON (londiste.md 4.6).

use clap::Args;
use serde::Serialize;

use super::registry::{load_missing, load_sequences, load_tables};
use crate::cli::Context;
use crate::error::Result;
use crate::sql;

/// Form of the list of tables.
#[derive(Args, Debug)]
pub struct TablesArgs {
    /// Print the names only, one per line
    #[arg(long)]
    pub names_only: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Form of a list.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Serialize)]
struct TableRecord {
    table_name: String,
    dest_table: String,
    merge_state: Option<String>,
    table_attrs: serde_json::Map<String, serde_json::Value>,
}

/// Runs tables.
pub async fn tables(context: Context, args: TablesArgs) -> Result<u8> {
    let mut admin = context.admin()?;
    admin.node_info().await?;
    let queue = admin.queue().to_owned();
    let mut tables = load_tables(&**admin.local().await?, &queue).await?;
    tables.retain(|t| t.local);
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    if args.json {
        let mut records = Vec::new();
        for table in tables {
            let attrs = table.attrs()?;
            let table_attrs = attrs
                .iter()
                .map(|(key, value)| (key.to_owned(), value.into()))
                .collect();
            records.push(TableRecord {
                table_name: table.name,
                dest_table: table.dest,
                merge_state: table.state,
                table_attrs,
            });
        }
        admin.ui.json(&records)?;
    } else if args.names_only {
        for table in &tables {
            admin.ui.line(&table.name);
        }
    } else {
        let mut rows = Vec::new();
        for table in &tables {
            let attrs = table.attrs()?;
            let state = table.state.clone().unwrap_or_else(|| "None".to_owned());
            rows.push(vec![table.name.clone(), state, python_dict(attrs.iter())]);
        }
        admin.ui.table(
            "Tables on node",
            &["table_name", "merge_state", "table_attrs"],
            &rows,
        );
    }
    Ok(0)
}

#[derive(Serialize)]
struct SeqRecord {
    seq_name: String,
    local: bool,
    last_value: i64,
}

/// Runs seqs.
pub async fn seqs(context: Context, args: ListArgs) -> Result<u8> {
    let mut admin = context.admin()?;
    admin.node_info().await?;
    let queue = admin.queue().to_owned();
    let sequences = load_sequences(&**admin.local().await?, &queue).await?;
    if args.json {
        let records: Vec<SeqRecord> = sequences
            .into_iter()
            .map(|s| SeqRecord {
                seq_name: s.name,
                local: s.local,
                last_value: s.last_value,
            })
            .collect();
        admin.ui.json(&records)?;
        return Ok(0);
    }
    let rows: Vec<Vec<String>> = sequences
        .into_iter()
        .map(|s| {
            vec![
                s.name,
                if s.local { "True" } else { "False" }.to_owned(),
                s.last_value.to_string(),
            ]
        })
        .collect();
    admin
        .ui
        .table("Sequences on node", &["seq_name", "local", "last_value"], &rows);
    Ok(0)
}

#[derive(Serialize)]
struct MissingRecord {
    obj_kind: String,
    obj_name: String,
}

/// Runs missing.
pub async fn missing(context: Context, args: ListArgs) -> Result<u8> {
    let mut admin = context.admin()?;
    let node = admin.node_info().await?;
    let queue = admin.queue().to_owned();
    let local = admin.local().await?;
    let mut objects = load_missing(&**local, &queue).await?;
    if node.is_root() {
        // Ancestor: its database side lists the attached sequences of a root, too (Q8).
        let attached: Vec<String> = load_sequences(&**local, &queue)
            .await?
            .into_iter()
            .filter(|s| s.local)
            .map(|s| s.name)
            .collect();
        objects.retain(|(kind, name)| kind != "S" || !attached.contains(name));
    }
    if args.json {
        let records: Vec<MissingRecord> = objects
            .into_iter()
            .map(|(obj_kind, obj_name)| MissingRecord { obj_kind, obj_name })
            .collect();
        admin.ui.json(&records)?;
        return Ok(0);
    }
    let rows: Vec<Vec<String>> = objects.into_iter().map(|(kind, name)| vec![kind, name]).collect();
    admin
        .ui
        .table("Missing objects on node", &["obj_kind", "obj_name"], &rows);
    Ok(0)
}

#[derive(Serialize)]
struct ForeignKeyRecord {
    from_table: String,
    to_table: String,
    fkey_name: String,
    state: String,
}

/// Runs fkeys.
pub async fn fkeys(context: Context, args: ListArgs) -> Result<u8> {
    let mut admin = context.admin()?;
    admin.node_info().await?;
    let queue = admin.queue().to_owned();
    let found = admin
        .local()
        .await?
        .query(sql::table::LIST_FOREIGN_KEYS, &[&queue])
        .await?;
    let mut records = Vec::new();
    for row in &found {
        records.push(ForeignKeyRecord {
            from_table: row.try_get("from_table")?,
            to_table: row.try_get("to_table")?,
            fkey_name: row.try_get("fkey_name")?,
            state: row.try_get("state")?,
        });
    }
    if args.json {
        admin.ui.json(&records)?;
        return Ok(0);
    }
    let rows: Vec<Vec<String>> = records
        .into_iter()
        .map(|r| vec![r.from_table, r.to_table, r.fkey_name, r.state])
        .collect();
    admin.ui.table(
        "Foreign keys on node",
        &["from_table", "to_table", "fkey_name", "state"],
        &rows,
    );
    Ok(0)
}

/// Ancestor: attributes are printed as its language writes a dictionary, and not at all when there are none.
fn python_dict<'a>(pairs: impl Iterator<Item = (&'a str, Option<&'a str>)>) -> String {
    let parts: Vec<String> = pairs
        .map(|(key, value)| {
            let value = value.map_or_else(|| "None".to_owned(), python_string);
            format!("{}: {value}", python_string(key))
        })
        .collect();
    if parts.is_empty() {
        String::new()
    } else {
        format!("{{{}}}", parts.join(", "))
    }
}

fn python_string(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    let mut out = String::from(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_look_as_the_ancestors() {
        assert_eq!(python_dict([].into_iter()), "");
        assert_eq!(
            python_dict([("handler", Some("londiste(ignore_truncate=1)")), ("x", None)].into_iter()),
            "{'handler': 'londiste(ignore_truncate=1)', 'x': None}"
        );
        assert_eq!(python_string("it's"), "\"it's\"");
        assert_eq!(python_string("a'b\"c\\"), "'a\\'b\"c\\\\'");
    }
}
