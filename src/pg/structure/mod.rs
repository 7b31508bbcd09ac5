//! The structure of a table as the catalogue has it, and statements made from it.
//!
//! [`load_structure`] reads everything once; [`TableStructure`] is plain data, so what is made from it is decided and
//! tested without a server: statements that create the table elsewhere ([`CreatePlan`]), statements that drop
//! and restore keys and indexes around a bulk load ([`DroppableObject`]), differences of two tables ([`Difference`]).
//! Expressions and type names are read with an empty search path, so they are qualified and mean the same in every
//! session.

mod create;
mod difference;
mod droppable;
mod load;

pub use create::{CreateDetail, CreatePlan, CreateStatement};
pub use difference::{Difference, Severity};
pub use droppable::DroppableObject;
pub use load::load_structure;

use super::QualifiedName;

/// What a relation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelationKind {
    /// An ordinary table; a partition too.
    Table,
    /// A partitioned table: it has no rows of its own.
    Partitioned,
    /// A view.
    View,
    /// A materialized view.
    MaterializedView,
    /// A foreign table.
    Foreign,
}

impl RelationKind {
    /// How the kind is called in messages, with its article.
    pub fn described(self) -> &'static str {
        match self {
            Self::Table => "a table",
            Self::Partitioned => "a partitioned table",
            Self::View => "a view",
            Self::MaterializedView => "a materialized view",
            Self::Foreign => "a foreign table",
        }
    }
}

/// Everything about one table.
#[derive(Debug, Clone)]
pub struct TableStructure {
    /// Object id in its database.
    pub oid: u32,
    /// Schema and name.
    pub name: QualifiedName,
    /// The name as the server's own definitions write it.
    pub(crate) server_quoted: String,
    /// What it is.
    pub kind: RelationKind,
    /// A temporary table belongs to one session.
    pub is_temporary: bool,
    /// An unlogged table is emptied by a crash.
    pub is_unlogged: bool,
    /// The role that owns it.
    pub owner: String,
    /// Its comment.
    pub comment: Option<String>,
    /// Storage parameters, `name=value`.
    pub options: Vec<String>,
    /// Tablespace, where it is not the database's.
    pub tablespace: Option<String>,
    /// Whether it is a partition.
    pub is_partition: bool,
    /// The tables that it inherits from or is a partition of.
    pub parents: Vec<QualifiedName>,
    /// Whether other tables inherit from it or are its partitions.
    pub has_children: bool,
    /// Whether row level security is on.
    pub row_security: bool,
    /// `d` default, `n` nothing, `f` full, `i` index.
    pub replica_identity: char,
    /// Live columns in their order.
    pub columns: Vec<Column>,
    /// Keys, exclusions, checks, foreign keys.
    pub constraints: Vec<Constraint>,
    /// All indexes, those of constraints included.
    pub indexes: Vec<Index>,
    /// Triggers, except internal ones.
    pub triggers: Vec<Trigger>,
    /// Rewrite rules.
    pub rules: Vec<Rule>,
    /// Sequences owned by columns.
    pub sequences: Vec<OwnedSequence>,
    /// Rights of others than the owner.
    pub grants: Vec<Grant>,
}

/// One column.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its number.
    pub number: i16,
    /// Type with modifier, qualified unless built in.
    pub type_name: String,
    /// Object id of the type in its database.
    pub type_oid: u32,
    /// Whether NULL is refused.
    pub not_null: bool,
    /// Default, or the expression of a generated column.
    pub default: Option<String>,
    /// Whether the default uses objects that are not built in, such as a sequence.
    pub default_needs_objects: bool,
    /// Whether and how its value is computed.
    pub generated: Option<Generated>,
    /// Whether and how it numbers itself.
    pub identity: Option<Identity>,
    /// Collation (quoted), where it is not the type's own.
    pub collation: Option<String>,
    /// Storage letter, where it is not the type's own.
    pub storage: Option<String>,
    /// Compression letter, where one was chosen.
    pub compression: Option<String>,
    /// Statistics target, where one was set.
    pub statistics: Option<i32>,
    /// Planner options, `name=value`.
    pub options: Vec<String>,
    /// Its comment.
    pub comment: Option<String>,
}

/// How a generated column is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generated {
    /// Computed when written.
    Stored,
    /// Computed when read.
    Virtual,
}

/// How an identity column takes given values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// Only with OVERRIDING SYSTEM VALUE.
    Always,
    /// Freely.
    ByDefault,
}

/// One constraint.
#[derive(Debug, Clone)]
pub struct Constraint {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: ConstraintKind,
    /// The part after its name.
    pub definition: String,
    /// Its columns, keys in key order.
    pub columns: Vec<String>,
    /// The index that carries it.
    pub index: Option<u32>,
    /// Whether all rows are known to satisfy it.
    pub validated: bool,
    /// Whether it comes from a parent.
    pub is_inherited: bool,
    /// The other table of a foreign key, quoted.
    pub foreign_table: Option<String>,
    /// Its comment.
    pub comment: Option<String>,
    /// Whether something other than a foreign key needs it, such as a view that groups by the primary key.
    pub is_pinned: bool,
}

/// The kinds of constraints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConstraintKind {
    /// PRIMARY KEY.
    Primary,
    /// UNIQUE.
    Unique,
    /// EXCLUDE.
    Exclusion,
    /// CHECK.
    Check,
    /// FOREIGN KEY.
    Foreign,
}

/// One index.
#[derive(Debug, Clone)]
pub struct Index {
    /// Object id.
    pub oid: u32,
    /// Its name; the schema is the table's.
    pub name: String,
    /// Whether it is unique.
    pub is_unique: bool,
    /// Whether it carries the primary key.
    pub is_primary: bool,
    /// False for what a failed concurrent build left.
    pub is_valid: bool,
    /// Whether it hangs on the index of a partitioned parent.
    pub is_partitioned_part: bool,
    /// Whether CLUSTER goes by it.
    pub is_clustered: bool,
    /// Whether it is the table's replica identity.
    pub is_replica_identity: bool,
    /// Storage parameters, `name=value`.
    pub options: Vec<String>,
    /// Tablespace, where it is not the database's.
    pub tablespace: Option<String>,
    /// Access method.
    pub method: String,
    /// The whole CREATE INDEX.
    pub definition: String,
    /// The part of the definition after the table's name.
    pub tail: String,
    /// Its comment.
    pub comment: Option<String>,
    /// Statistics targets by column number.
    pub statistics: Vec<(i16, i32)>,
}

/// One trigger.
#[derive(Debug, Clone)]
pub struct Trigger {
    /// Its name.
    pub name: String,
    /// The whole CREATE TRIGGER.
    pub definition: String,
    /// `O` origin, `D` disabled, `R` replica, `A` always.
    pub enabled: char,
    /// Schema of its function.
    pub function_schema: String,
    /// Name of its function.
    pub function_name: String,
    /// First argument: the queue, for a replication trigger.
    pub first_argument: Option<String>,
    /// Row trigger, or statement trigger.
    pub is_row: bool,
    /// BEFORE, or AFTER.
    pub is_before: bool,
    /// Fires on INSERT.
    pub on_insert: bool,
    /// Fires on UPDATE.
    pub on_update: bool,
    /// Fires on DELETE.
    pub on_delete: bool,
    /// Fires on TRUNCATE.
    pub on_truncate: bool,
    /// Its comment.
    pub comment: Option<String>,
}

impl Trigger {
    /// Whether it writes into a queue: made by londiste or by hand from one of PgQ's functions.
    pub fn is_replication(&self) -> bool {
        matches!(self.function_schema.as_str(), "pgq" | "londiste_rs")
            || self.name.trim_start_matches("zzz_").starts_with("_londiste_")
    }

    /// Whether it only helps the statement triggers that log row changes, and logs nothing itself.
    fn is_capture_helper(&self) -> bool {
        self.function_schema == "londiste_rs"
            && matches!(self.function_name.as_str(), "capture_begin" | "capture_guard")
    }

    /// Whether it is the row trigger that `add-table` makes for `queue`.
    pub fn is_row_capture_of(&self, queue: &str) -> bool {
        self.is_replication()
            && self.is_row
            && !self.is_capture_helper()
            && self.first_argument.as_deref() == Some(queue)
    }

    /// Whether it is a statement trigger that logs row changes for `queue`.
    pub fn is_statement_capture_of(&self, queue: &str) -> bool {
        self.is_replication()
            && !self.is_row
            && !self.on_truncate
            && !self.is_capture_helper()
            && self.first_argument.as_deref() == Some(queue)
    }

    /// Whether it is the TRUNCATE trigger that `add-table` makes for `queue`.
    pub fn is_truncate_capture_of(&self, queue: &str) -> bool {
        self.is_replication() && self.on_truncate && self.first_argument.as_deref() == Some(queue)
    }
}

/// One rewrite rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// The whole CREATE RULE.
    pub definition: String,
    /// `O` origin, `D` disabled, `R` replica, `A` always.
    pub enabled: char,
    /// Its comment.
    pub comment: Option<String>,
}

/// A sequence that belongs to a column.
#[derive(Debug, Clone)]
pub struct OwnedSequence {
    /// Schema and name.
    pub name: QualifiedName,
    /// The column.
    pub column: String,
    /// Whether it is the inner one of an identity column.
    pub is_identity: bool,
    /// Its type.
    pub type_name: String,
    /// First value.
    pub start: i64,
    /// Step.
    pub increment: i64,
    /// Lowest value.
    pub minimum: i64,
    /// Highest value.
    pub maximum: i64,
    /// Values taken at once by a session.
    pub cache: i64,
    /// Whether it starts again at its end.
    pub is_cycle: bool,
}

/// One right of somebody else.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The role; PUBLIC when absent.
    pub grantee: Option<String>,
    /// The privilege.
    pub privilege: String,
    /// Whether it can be passed on.
    pub is_grantable: bool,
    /// The column, when it is not for the whole table.
    pub column: Option<String>,
}

impl TableStructure {
    /// The columns of the primary key in key order; empty without one.
    pub fn primary_key(&self) -> &[String] {
        self.constraints
            .iter()
            .find(|c| c.kind == ConstraintKind::Primary)
            .map_or(&[], |c| c.columns.as_slice())
    }

    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.name == name)
    }

    /// The columns that carry data of their own: all but the generated ones.
    pub fn data_columns(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|c| c.generated.is_none())
    }

    /// The constraint that an index carries.
    pub fn constraint_of(&self, index: &Index) -> Option<&Constraint> {
        self.constraints.iter().find(|c| c.index == Some(index.oid))
    }
}
