//! Statements that create a table like another one, in another database or under another name.

use std::collections::BTreeSet;

use super::droppable::options_sql;
use super::{Column, ConstraintKind, Generated, Identity, OwnedSequence, RelationKind, TableStructure};
use crate::pg::{QualifiedName, quote_ident, quote_literal, quote_qualified};

/// How much of the original comes along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CreateDetail {
    /// Columns with type, collation, NOT NULL, identity, generation expression and built-in defaults; the primary key.
    Basic,
    /// All of that, and sequences, all defaults, constraints (no foreign keys), indexes, triggers (not Londiste's),
    /// rules, comments, storage settings, grants, owner.
    Full,
}

/// What to create and where.
#[derive(Debug, Clone)]
pub struct CreatePlan<'a> {
    /// The name of the new table.
    pub table: &'a QualifiedName,
    /// How much comes along.
    pub detail: CreateDetail,
    /// Relations that exist where the table will be; new index and sequence names keep clear of them.
    pub taken: &'a BTreeSet<QualifiedName>,
}

/// One statement of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateStatement {
    /// The statement.
    pub sql: String,
    /// The role that it names; leave the statement out, with a warning, where this role does not exist.
    pub role: Option<String>,
}

impl TableStructure {
    /// The statements, in order, that create a table like this one. The schema must be there.
    pub fn plan_create(&self, plan: &CreatePlan<'_>) -> Vec<CreateStatement> {
        let mut writer = Writer {
            source: self,
            plan,
            table: plan.table.quoted(),
            given: BTreeSet::new(),
            statements: Vec::new(),
        };
        if plan.detail == CreateDetail::Full {
            writer.sequences();
        }
        writer.table();
        if plan.detail == CreateDetail::Full {
            writer.sequence_owners();
            writer.columns();
            writer.constraints();
            writer.indexes();
            writer.rules();
            writer.triggers();
            writer.grants();
        }
        writer.statements
    }
}

struct Writer<'a> {
    source: &'a TableStructure,
    plan: &'a CreatePlan<'a>,
    table: String,
    given: BTreeSet<String>,
    statements: Vec<CreateStatement>,
}

impl Writer<'_> {
    fn push(&mut self, sql: String) {
        self.statements.push(CreateStatement { sql, role: None });
    }

    fn is_renamed(&self) -> bool {
        *self.plan.table != self.source.name
    }

    /// A name for an index or constraint: the same, or with a number behind when the table is renamed or it is taken.
    fn new_name(&mut self, name: &str) -> String {
        let is_free = |this: &Self, name: &str| {
            !this.given.contains(name)
                && !this
                    .plan
                    .taken
                    .contains(&QualifiedName::new(&this.plan.table.schema, name))
        };
        let mut chosen = name.to_owned();
        if self.is_renamed() || !is_free(self, name) {
            for number in 1.. {
                chosen = numbered_name(name, number);
                if is_free(self, &chosen) {
                    break;
                }
            }
        }
        self.given.insert(chosen.clone());
        chosen
    }

    /// Puts the new table's name where a definition of the server has the old one after `word`.
    fn retarget(&self, definition: &str, word: &str) -> String {
        let old = format!(" {word} {}", self.source.server_quoted);
        definition.replacen(&old, &format!(" {word} {}", self.table), 1)
    }

    fn free_standing_sequences(&self) -> Vec<OwnedSequence> {
        self.source
            .sequences
            .iter()
            .filter(|s| !s.is_identity)
            .cloned()
            .collect()
    }

    fn sequences(&mut self) {
        for sequence in self.free_standing_sequences() {
            if !self.plan.taken.contains(&sequence.name) {
                self.push(format!(
                    "create sequence {} as {} {}",
                    sequence.name.quoted(),
                    sequence.type_name,
                    sequence_options(&sequence)
                ));
            }
        }
    }

    fn sequence_owners(&mut self) {
        for sequence in self.free_standing_sequences() {
            // A sequence that was there stays with its table when this is a second table beside that one.
            if !self.is_renamed() || !self.plan.taken.contains(&sequence.name) {
                self.push(format!(
                    "alter sequence {} owned by {}.{}",
                    sequence.name.quoted(),
                    self.table,
                    quote_ident(&sequence.column)
                ));
            }
        }
    }

    fn table(&mut self) {
        let mut parts: Vec<String> = self
            .source
            .columns
            .iter()
            .map(|column| self.column(column))
            .collect();
        let key = self
            .source
            .constraints
            .iter()
            .find(|c| c.kind == ConstraintKind::Primary);
        if let Some(key) = key {
            let name = self.new_name(&key.name);
            parts.push(format!("constraint {} {}", quote_ident(&name), key.definition));
        }
        let full = self.plan.detail == CreateDetail::Full;
        let unlogged = if full && self.source.is_unlogged {
            "unlogged "
        } else {
            ""
        };
        let storage = if full && self.source.kind == RelationKind::Table && !self.source.options.is_empty() {
            format!(" with ({})", options_sql(&self.source.options))
        } else {
            String::new()
        };
        self.push(format!(
            "create {unlogged}table {} (\n    {}\n){storage}",
            self.table,
            parts.join(",\n    ")
        ));
    }

    fn column(&self, column: &Column) -> String {
        let mut text = format!("{} {}", quote_ident(&column.name), column.type_name);
        if let Some(collation) = &column.collation {
            text.push_str(&format!(" collate {collation}"));
        }
        match (&column.generated, &column.identity, &column.default) {
            (Some(generated), _, Some(expression)) => {
                let kept = match generated {
                    Generated::Stored => "stored",
                    Generated::Virtual => "virtual",
                };
                // The server wraps the expression in parentheses only where it is an operator.
                text.push_str(&format!(" generated always as ({expression}) {kept}"));
            }
            (_, Some(identity), _) => {
                let how = match identity {
                    Identity::Always => "always",
                    Identity::ByDefault => "by default",
                };
                text.push_str(&format!(" generated {how} as identity"));
                let inner = self
                    .source
                    .sequences
                    .iter()
                    .find(|s| s.is_identity && s.column == column.name);
                if let Some(sequence) = inner {
                    text.push_str(&format!(" ({})", sequence_options(sequence)));
                }
            }
            (None, None, Some(default))
                if self.plan.detail == CreateDetail::Full || !column.default_needs_objects =>
            {
                text.push_str(&format!(" default {default}"));
            }
            _ => {}
        }
        if column.not_null {
            text.push_str(" not null");
        }
        text
    }

    fn columns(&mut self) {
        let table = self.table.clone();
        for column in &self.source.columns {
            let name = quote_ident(&column.name);
            if let Some(word) = column.storage.as_deref().and_then(storage_word) {
                self.push(format!(
                    "alter table only {table} alter column {name} set storage {word}"
                ));
            }
            if let Some(word) = column.compression.as_deref().and_then(compression_word) {
                self.push(format!(
                    "alter table only {table} alter column {name} set compression {word}"
                ));
            }
            if let Some(target) = column.statistics {
                self.push(format!(
                    "alter table only {table} alter column {name} set statistics {target}"
                ));
            }
            if !column.options.is_empty() {
                let options = options_sql(&column.options);
                self.push(format!(
                    "alter table only {table} alter column {name} set ({options})"
                ));
            }
            if let Some(comment) = &column.comment {
                self.push(format!(
                    "comment on column {table}.{name} is {}",
                    quote_literal(comment)
                ));
            }
        }
        if let Some(comment) = &self.source.comment {
            self.push(format!("comment on table {table} is {}", quote_literal(comment)));
        }
    }

    fn constraints(&mut self) {
        let table = self.table.clone();
        for constraint in &self.source.constraints {
            let index = self
                .source
                .indexes
                .iter()
                .find(|i| Some(i.oid) == constraint.index);
            let name = match constraint.kind {
                ConstraintKind::Foreign => continue,
                // It was created, and named, with the table.
                ConstraintKind::Primary if self.is_renamed() => self
                    .given
                    .iter()
                    .find(|name| is_numbered(name, &constraint.name))
                    .cloned()
                    .unwrap_or_else(|| constraint.name.clone()),
                ConstraintKind::Primary => constraint.name.clone(),
                // The name of a check lives in the table, not in the schema.
                ConstraintKind::Check => constraint.name.clone(),
                ConstraintKind::Unique | ConstraintKind::Exclusion => self.new_name(&constraint.name),
            };
            let quoted = quote_ident(&name);
            if constraint.kind != ConstraintKind::Primary {
                self.push(format!(
                    "alter table only {table} add constraint {quoted} {}",
                    constraint.definition
                ));
            }
            if let Some(comment) = &constraint.comment {
                let comment = quote_literal(comment);
                self.push(format!("comment on constraint {quoted} on {table} is {comment}"));
            }
            if let Some(index) = index {
                if !index.options.is_empty() {
                    let whole = quote_qualified(&self.plan.table.schema, &name);
                    self.push(format!(
                        "alter index {whole} set ({})",
                        options_sql(&index.options)
                    ));
                }
                self.index_marks(index, &name);
            }
        }
    }

    fn indexes(&mut self) {
        for index in &self.source.indexes {
            if self.source.constraint_of(index).is_some() || !index.is_valid {
                continue;
            }
            let name = self.new_name(&index.name);
            let unique = if index.is_unique { "unique " } else { "" };
            self.push(format!(
                "create {unique}index {} on {} {}",
                quote_ident(&name),
                self.table,
                index.tail
            ));
            self.index_marks(index, &name);
        }
        match self.source.replica_identity {
            'f' => self.push(format!("alter table only {} replica identity full", self.table)),
            'n' => self.push(format!(
                "alter table only {} replica identity nothing",
                self.table
            )),
            _ => {}
        }
    }

    fn index_marks(&mut self, index: &super::Index, name: &str) {
        let whole = quote_qualified(&self.plan.table.schema, name);
        if let Some(comment) = &index.comment {
            self.push(format!("comment on index {whole} is {}", quote_literal(comment)));
        }
        for (number, target) in &index.statistics {
            self.push(format!(
                "alter index {whole} alter column {number} set statistics {target}"
            ));
        }
        if index.is_clustered {
            self.push(format!(
                "alter table only {} cluster on {}",
                self.table,
                quote_ident(name)
            ));
        }
        if index.is_replica_identity {
            let name = quote_ident(name);
            self.push(format!(
                "alter table only {} replica identity using index {name}",
                self.table
            ));
        }
    }

    fn rules(&mut self) {
        for rule in &self.source.rules {
            let name = quote_ident(&rule.name);
            self.push(
                self.retarget(&rule.definition, "TO")
                    .trim_end_matches(';')
                    .to_owned(),
            );
            self.enabled("rule", &name, rule.enabled);
            if let Some(comment) = &rule.comment {
                let comment = quote_literal(comment);
                self.push(format!("comment on rule {name} on {} is {comment}", self.table));
            }
        }
    }

    fn triggers(&mut self) {
        for trigger in &self.source.triggers {
            if trigger.is_replication() {
                continue;
            }
            let name = quote_ident(&trigger.name);
            self.push(self.retarget(&trigger.definition, "ON"));
            self.enabled("trigger", &name, trigger.enabled);
            if let Some(comment) = &trigger.comment {
                let comment = quote_literal(comment);
                self.push(format!(
                    "comment on trigger {name} on {} is {comment}",
                    self.table
                ));
            }
        }
    }

    fn enabled(&mut self, what: &str, name: &str, letter: char) {
        let how = match letter {
            'D' => "disable",
            'R' => "enable replica",
            'A' => "enable always",
            _ => return,
        };
        self.push(format!("alter table {} {how} {what} {name}", self.table));
    }

    fn grants(&mut self) {
        for grant in &self.source.grants {
            let column = match &grant.column {
                Some(column) => format!(" ({})", quote_ident(column)),
                None => String::new(),
            };
            let grantee = grant
                .grantee
                .as_deref()
                .map_or_else(|| "public".to_owned(), quote_ident);
            let pass_on = if grant.is_grantable {
                " with grant option"
            } else {
                ""
            };
            self.statements.push(CreateStatement {
                sql: format!(
                    "grant {}{column} on table {} to {grantee}{pass_on}",
                    grant.privilege.to_lowercase(),
                    self.table
                ),
                role: grant.grantee.clone(),
            });
        }
        self.statements.push(CreateStatement {
            sql: format!(
                "alter table {} owner to {}",
                self.table,
                quote_ident(&self.source.owner)
            ),
            role: Some(self.source.owner.clone()),
        });
    }
}

/// The server cuts names after 63 bytes.
const NAME_LIMIT: usize = 63;

fn numbered_name(name: &str, number: u32) -> String {
    let suffix = format!("_{number}");
    let mut end = name.len().min(NAME_LIMIT - suffix.len());
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{suffix}", &name[..end])
}

fn is_numbered(name: &str, original: &str) -> bool {
    name.rsplit_once('_').is_some_and(|(_, number)| {
        number
            .parse::<u32>()
            .is_ok_and(|number| numbered_name(original, number) == name)
    })
}

fn sequence_options(sequence: &OwnedSequence) -> String {
    format!(
        "increment by {} minvalue {} maxvalue {} start with {} cache {}{}",
        sequence.increment,
        sequence.minimum,
        sequence.maximum,
        sequence.start,
        sequence.cache,
        if sequence.is_cycle { " cycle" } else { "" }
    )
}

fn storage_word(letter: &str) -> Option<&'static str> {
    Some(match letter {
        "p" => "plain",
        "e" => "external",
        "m" => "main",
        "x" => "extended",
        _ => return None,
    })
}

fn compression_word(letter: &str) -> Option<&'static str> {
    Some(match letter {
        "p" => "pglz",
        "l" => "lz4",
        _ => return None,
    })
}
