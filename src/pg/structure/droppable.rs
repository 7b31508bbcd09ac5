//! Keys and indexes that are dropped before a bulk load and put back after it, exactly as they were.

use super::{Constraint, ConstraintKind, Index, RelationKind, TableStructure};
use crate::pg::{quote_ident, quote_literal, quote_qualified};

/// A key, an exclusion or a plain index with the statements that remove it and bring it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DroppableObject {
    /// The name of constraint or index.
    pub name: String,
    /// Whether it is a constraint; otherwise a plain index.
    pub is_constraint: bool,
    /// One statement.
    pub drop_sql: String,
    /// Statements in the order in which they must run: the object itself first, then what hangs on it (comment, CLUSTER
    /// mark, replica identity, statistics targets).
    pub create_sql: Vec<String>,
    /// Whether the first of them builds an index and nothing else, so that it can run beside others of its kind.
    pub builds_index: bool,
}

impl DroppableObject {
    /// The statement that builds its index and may be run again, if it has one of its own.
    pub fn index_sql(&self) -> Option<String> {
        let sql = self.create_sql.first().filter(|_| self.builds_index)?;
        for head in ["CREATE UNIQUE INDEX ", "CREATE INDEX "] {
            if let Some(rest) = sql.strip_prefix(head) {
                return Some(format!("{head}IF NOT EXISTS {rest}"));
            }
        }
        None
    }

    /// The statements that follow [`DroppableObject::index_sql`]; all when there is none.
    pub fn other_sql(&self) -> &[String] {
        &self.create_sql[usize::from(self.index_sql().is_some())..]
    }
}

impl TableStructure {
    /// The keys, exclusions and plain indexes that can be dropped and restored, in the order in which they are to be
    /// created; drop them in the reverse order.
    ///
    /// Left out, because they cannot be dropped alone or not be put back as they were: what belongs to a
    /// partitioned parent, constraints that come from a parent or that a view needs, indexes that are not valid, and
    /// everything of a partitioned table itself. A load through them is only slower.
    pub fn droppable_objects(&self) -> Vec<DroppableObject> {
        if self.kind != RelationKind::Table {
            return Vec::new();
        }
        let usable = |index: &&Index| index.is_valid && !index.is_partitioned_part;
        let mut objects = Vec::new();
        for constraint in &self.constraints {
            let index = self
                .indexes
                .iter()
                .filter(usable)
                .find(|i| Some(i.oid) == constraint.index);
            if let Some(index) = index
                && !constraint.is_pinned
            {
                objects.push(self.droppable_constraint(constraint, index));
            }
        }
        for index in self.indexes.iter().filter(usable) {
            if self.constraint_of(index).is_none() {
                let mut create_sql = vec![index.definition.clone()];
                self.add_marks(index, &mut create_sql);
                objects.push(DroppableObject {
                    name: index.name.clone(),
                    is_constraint: false,
                    drop_sql: format!("drop index {}", self.quoted_index(index)),
                    create_sql,
                    builds_index: true,
                });
            }
        }
        objects
    }

    fn droppable_constraint(&self, constraint: &Constraint, index: &Index) -> DroppableObject {
        let table = self.name.quoted();
        let name = quote_ident(&constraint.name);
        let mut create_sql = Vec::new();
        let over_index = key_over_index(constraint, index);
        let builds_index = over_index.is_some();
        match over_index {
            // A constraint's definition leaves out storage parameters and tablespace; that of its index has them. And
            // several indexes can be built at once, several constraints cannot.
            Some(definition) => {
                create_sql.push(index.definition.clone());
                create_sql.push(format!(
                    "alter table only {table} add constraint {name} {definition}"
                ));
            }
            None => {
                create_sql.push(format!(
                    "alter table only {table} add constraint {name} {}",
                    constraint.definition
                ));
                if has_own_properties(index) {
                    let quoted = self.quoted_index(index);
                    if !index.options.is_empty() {
                        create_sql.push(format!(
                            "alter index {quoted} set ({})",
                            options_sql(&index.options)
                        ));
                    }
                    if let Some(space) = &index.tablespace {
                        create_sql.push(format!(
                            "alter index {quoted} set tablespace {}",
                            quote_ident(space)
                        ));
                    }
                }
            }
        }
        if let Some(comment) = &constraint.comment {
            create_sql.push(format!(
                "comment on constraint {name} on {table} is {}",
                quote_literal(comment)
            ));
        }
        self.add_marks(index, &mut create_sql);
        DroppableObject {
            name: constraint.name.clone(),
            is_constraint: true,
            drop_sql: format!("alter table only {table} drop constraint {name}"),
            create_sql,
            builds_index,
        }
    }

    fn quoted_index(&self, index: &Index) -> String {
        quote_qualified(&self.name.schema, &index.name)
    }

    /// What hangs on an index: comment, statistics targets, CLUSTER mark, replica identity.
    fn add_marks(&self, index: &Index, create_sql: &mut Vec<String>) {
        let table = self.name.quoted();
        let quoted = self.quoted_index(index);
        let name = quote_ident(&index.name);
        if let Some(comment) = &index.comment {
            create_sql.push(format!("comment on index {quoted} is {}", quote_literal(comment)));
        }
        for (number, target) in &index.statistics {
            create_sql.push(format!(
                "alter index {quoted} alter column {number} set statistics {target}"
            ));
        }
        if index.is_clustered {
            create_sql.push(format!("alter table only {table} cluster on {name}"));
        }
        if index.is_replica_identity {
            create_sql.push(format!(
                "alter table only {table} replica identity using index {name}"
            ));
        }
    }
}

/// Whether the index of a constraint has properties that the constraint's definition does not carry.
fn has_own_properties(index: &Index) -> bool {
    !index.options.is_empty() || index.tablespace.is_some()
}

/// The definition of a key that takes over an index that is there already; nothing for kinds that cannot.
fn key_over_index(constraint: &Constraint, index: &Index) -> Option<String> {
    // A key WITHOUT OVERLAPS lies over GiST and cannot take over an index.
    if index.method != "btree" {
        return None;
    }
    let word = match constraint.kind {
        ConstraintKind::Primary => "primary key",
        ConstraintKind::Unique => "unique",
        _ => return None,
    };
    let timing = [" DEFERRABLE INITIALLY DEFERRED", " DEFERRABLE"]
        .into_iter()
        .find(|end| constraint.definition.ends_with(end))
        .unwrap_or("");
    Some(format!(
        "{word} using index {}{}",
        quote_ident(&index.name),
        timing.to_lowercase()
    ))
}

/// `a=1` settings as the server stores them, ready for a parenthesis.
pub(super) fn options_sql(options: &[String]) -> String {
    let quoted = options.iter().map(|option| match option.split_once('=') {
        // A TOAST parameter is `toast.name`: two identifiers.
        Some((name, value)) => {
            let name: Vec<String> = name.split('.').map(quote_ident).collect();
            format!("{} = {}", name.join("."), quote_literal(value))
        }
        None => quote_ident(option),
    });
    quoted.collect::<Vec<_>>().join(", ")
}
