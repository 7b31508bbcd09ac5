//! What lost changes mean for the tables of the node that comes back: decisions without I/O.
//!
//! Call T the last tick that the node shares with the others. Its table is what the table was at T, with the lost changes
//! on top; so it differs from that in rows whose keys the lost events name, and in no other. Those rows are put right from
//! the provider, as one snapshot S of it shows them, and then the provider's events from T on are replayed. Between T and
//! S a row may have changed there, so what stands at its place when replay begins depends on its first event after T:
//!
//! - none: the row of S, or no row, is that of T;
//! - an insert: there was no row at T, and the insert must find none;
//! - an update or delete: there was one. An update brings all its values, so any row of that key does as long as nothing
//!   else is unique in the table.
//!
//! Where this cannot be known, the table is copied anew.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::apply::{Op, RowChange, RowText};
use crate::pgq::Event;

/// Values of the key columns, as texts.
pub type Key = Vec<String>;

/// With more rows than this a copy is quicker.
pub const MOST_KEYS: usize = 100_000;

/// The changes of one table that only one node has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableLoss {
    /// Key columns, as its events name them.
    pub key_columns: Vec<String>,
    /// Rows that were changed.
    pub keys: BTreeSet<Key>,
    /// Why single rows do not do.
    pub doubt: Option<String>,
}

/// All of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Loss {
    /// By the table's name in the queue.
    pub tables: BTreeMap<String, TableLoss>,
    /// Scripts that were run.
    pub scripts: u64,
    /// Other events that change what the node is, in words.
    pub others: Vec<String>,
}

/// Key columns and their values; or why there are none.
fn key_of(event: &Event) -> Result<(Vec<String>, Key, Op), String> {
    match RowChange::decode(RowText::of(event)) {
        Ok(RowChange::Fragment { .. }) => Err("its events do not tell which rows they change".to_owned()),
        Err(error) => Err(format!("event {} cannot be read: {}", event.id, error.message())),
        Ok(RowChange::Row { op, key, columns }) => {
            let value = |name: &str| {
                let (_, value) = columns.iter().find(|(column, _)| column == name)?;
                value.as_deref().map(str::to_owned)
            };
            let values: Option<Key> = key.iter().map(|name| value(name)).collect();
            match values {
                Some(values) if !values.is_empty() => {
                    Ok((key.iter().map(|name| name.to_string()).collect(), values, op))
                }
                _ => Err("it has no key".to_owned()),
            }
        }
    }
}

impl Loss {
    /// Takes an event that only one node has.
    pub fn take(&mut self, event: &Event) {
        let kind = event.kind();
        let Some(table) = event
            .extra1
            .as_deref()
            .filter(|_| event.is_row_change() || kind == "R")
        else {
            if kind == "EXECUTE" {
                self.scripts += 1;
            } else if matches!(
                kind,
                "londiste.add-table" | "londiste.remove-table" | "londiste.add-seq" | "londiste.remove-seq"
            ) {
                let what = event.data.as_deref().unwrap_or("");
                self.others
                    .push(format!("{} {what}", kind.trim_start_matches("londiste.")));
            }
            return;
        };
        let loss = self.tables.entry(table.to_owned()).or_default();
        if loss.doubt.is_some() {
            return;
        }
        if kind == "R" {
            loss.doubt = Some("it was truncated".to_owned());
            return;
        }
        match key_of(event) {
            Ok((columns, key, _)) => {
                if loss.keys.is_empty() {
                    loss.key_columns = columns;
                } else if loss.key_columns != columns {
                    loss.doubt = Some("its key was changed".to_owned());
                    return;
                }
                loss.keys.insert(key);
                if loss.keys.len() > MOST_KEYS {
                    loss.doubt = Some(format!("more than {MOST_KEYS} rows were changed"));
                    loss.keys.clear();
                }
            }
            Err(why) => loss.doubt = Some(why),
        }
    }
}

/// What the provider has done since T to rows that were changed on the other side.
#[derive(Debug, Clone, Default)]
pub struct Later {
    /// First change per table and key.
    pub first: HashMap<(String, Key), Op>,
    /// Scripts that were run.
    pub scripts: u64,
}

impl Later {
    /// Takes an event of the provider; they come in order.
    pub fn take(&mut self, event: &Event, loss: &Loss) {
        if event.kind() == "EXECUTE" {
            self.scripts += 1;
        }
        if !event.is_row_change() {
            return;
        }
        let Some((table, lost)) = event
            .extra1
            .as_deref()
            .and_then(|name| loss.tables.get_key_value(name))
        else {
            return;
        };
        if let Ok((columns, key, op)) = key_of(event)
            && columns == lost.key_columns
            && lost.keys.contains(&key)
        {
            self.first.entry((table.clone(), key)).or_insert(op);
        }
    }
}

/// A table as one node has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableFacts {
    /// Local name.
    pub dest: String,
    /// Whether rows are there and kept up to date.
    pub is_ok: bool,
    /// Names and types of its columns.
    pub columns: Vec<(String, String)>,
    /// Columns of types whose equal values are equal texts.
    pub comparable: Vec<String>,
    /// Unique indexes.
    pub unique_keys: i32,
    /// Whether rows pass unchanged from node to node.
    pub is_plain: bool,
}

/// What becomes of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// These rows are taken away, and those of `from_provider` come from there.
    PutRight {
        /// Keys whose rows here are not those of T.
        remove: Vec<Key>,
        /// Keys whose rows are read from the provider.
        from_provider: Vec<Key>,
    },
    /// It is copied anew, for this reason.
    CopyAnew(String),
    /// Its rows are nobody's business here.
    Leave,
}

/// Decides about one table.
pub fn decide(
    name: &str,
    loss: &TableLoss,
    scripts: u64,
    later: &Later,
    here: Option<&TableFacts>,
    there: Option<&TableFacts>,
    is_captured_by_us: bool,
) -> Verdict {
    let anew = |why: &str| Verdict::CopyAnew(why.to_owned());
    let Some(here) = here.filter(|here| here.is_ok) else {
        return Verdict::Leave;
    };
    if scripts > 0 {
        return anew("a script was run only here");
    }
    if let Some(doubt) = &loss.doubt {
        return anew(doubt);
    }
    if loss.keys.is_empty() {
        return Verdict::Leave;
    }
    if !is_captured_by_us {
        return anew("the ancestor's triggers do not tell the old key of a row whose key was changed");
    }
    if later.scripts > 0 {
        return anew("a script was run on the other nodes since");
    }
    let Some(there) = there.filter(|there| there.is_ok) else {
        return anew("the provider does not have it in sync");
    };
    if !here.is_plain || !there.is_plain {
        return anew("its handler changes rows on their way");
    }
    if here.columns != there.columns {
        return anew("its columns are not those of the provider");
    }
    if let Some(column) = loss.key_columns.iter().find(|key| !here.comparable.contains(key)) {
        return Verdict::CopyAnew(format!(
            "values of its key column \"{column}\" cannot be compared as texts"
        ));
    }
    let (mut remove, mut from_provider) = (Vec::new(), Vec::new());
    for key in &loss.keys {
        match later.first.get(&(name.to_owned(), key.clone())) {
            None => {
                remove.push(key.clone());
                from_provider.push(key.clone());
            }
            Some(Op::Insert) => remove.push(key.clone()),
            Some(Op::Update | Op::Delete) if here.unique_keys > 1 => {
                return anew("a row was changed on both sides, and the table has another unique key");
            }
            Some(Op::Update | Op::Delete) => {
                remove.push(key.clone());
                from_provider.push(key.clone());
            }
        }
    }
    Verdict::PutRight {
        remove,
        from_provider,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &str, data: &str) -> Event {
        Event {
            id: 1,
            time: String::new(),
            txid: 1,
            retry: None,
            ev_type: Some(kind.to_owned()),
            data: Some(data.to_owned()),
            extra1: Some("public.t".to_owned()),
            extra2: None,
            extra3: None,
            extra4: None,
        }
    }

    fn facts() -> TableFacts {
        TableFacts {
            dest: "public.t".to_owned(),
            is_ok: true,
            columns: vec![
                ("id".to_owned(), "integer".to_owned()),
                ("v".to_owned(), "text".to_owned()),
            ],
            comparable: vec!["id".to_owned(), "v".to_owned()],
            unique_keys: 1,
            is_plain: true,
        }
    }

    fn verdict(lost: &[(&str, &str)], later: &[(&str, &str)], here: &TableFacts) -> Verdict {
        let mut loss = Loss::default();
        for (kind, data) in lost {
            loss.take(&event(kind, data));
        }
        let mut after = Later::default();
        for (kind, data) in later {
            after.take(&event(kind, data), &loss);
        }
        let table = loss.tables.get("public.t").cloned().unwrap_or_default();
        decide(
            "public.t",
            &table,
            loss.scripts,
            &after,
            Some(here),
            Some(&facts()),
            true,
        )
    }

    fn keys(keys: &[&str]) -> Vec<Key> {
        keys.iter().map(|key| vec![(*key).to_owned()]).collect()
    }

    #[test]
    fn rows_get_what_replay_has_to_find() {
        let lost = [
            ("I:id", "id=1&v=a"),
            ("U:id", "id=2&v=b"),
            ("D:id", "id=3"),
            ("U:id", "id=2&v=c"),
        ];
        assert_eq!(
            verdict(&lost, &[], &facts()),
            Verdict::PutRight {
                remove: keys(&["1", "2", "3"]),
                from_provider: keys(&["1", "2", "3"])
            }
        );
        // The others have inserted the same key since, and touched a row that nothing was lost of.
        let later = [
            ("I:id", "id=1&v=x"),
            ("D:id", "id=1"),
            ("U:id", "id=9&v=x"),
            ("U:id", "id=2&v=x"),
        ];
        assert_eq!(
            verdict(&lost, &later, &facts()),
            Verdict::PutRight {
                remove: keys(&["1", "2", "3"]),
                from_provider: keys(&["2", "3"])
            }
        );
    }

    #[test]
    fn what_is_in_doubt_is_copied() {
        let anew = |lost: &[(&str, &str)], later: &[(&str, &str)], here: &TableFacts| match verdict(
            lost, later, here,
        ) {
            Verdict::CopyAnew(why) => why,
            other => panic!("{other:?}"),
        };
        let row = ("U:id", "id=1&v=a");
        assert_eq!(anew(&[row, ("R", "")], &[], &facts()), "it was truncated");
        assert_eq!(anew(&[("I:", "v=a")], &[], &facts()), "it has no key");
        assert!(anew(&[("I", "(v) values ('a')")], &[], &facts()).contains("do not tell which rows"));
        assert!(anew(&[row, ("EXECUTE", "x")], &[], &facts()).contains("a script"));
        assert!(anew(&[row], &[("EXECUTE", "x")], &facts()).contains("a script"));
        let with = |change: fn(&mut TableFacts)| {
            let mut facts = facts();
            change(&mut facts);
            facts
        };
        assert!(anew(&[row], &[], &with(|f| f.columns.truncate(1))).contains("columns"));
        assert!(anew(&[row], &[], &with(|f| f.comparable.clear())).contains("compared as texts"));
        assert!(anew(&[row], &[], &with(|f| f.is_plain = false)).contains("handler"));
        assert!(anew(&[row], &[row], &with(|f| f.unique_keys = 2)).contains("another unique key"));
        assert!(matches!(
            verdict(&[row], &[], &with(|f| f.unique_keys = 2)),
            Verdict::PutRight { .. }
        ));
        assert_eq!(verdict(&[row], &[], &with(|f| f.is_ok = false)), Verdict::Leave);
    }
}
