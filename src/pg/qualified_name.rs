//! A table's name in two parts, and the one-text form that the database stores.

use std::fmt;

use super::quote::quote_qualified;

/// Schema and name of a relation, both as the catalogue has them (no quoting).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QualifiedName {
    /// The schema.
    pub schema: String,
    /// The name inside the schema; it may contain dots.
    pub name: String,
}

impl QualifiedName {
    /// Takes both parts.
    pub fn new(schema: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            schema: schema.into(),
            name: name.into(),
        }
    }

    /// Reads the stored form: the schema ends at the first dot and is `public` where there is no dot.
    pub fn parse(text: &str) -> Self {
        match text.split_once('.') {
            Some((schema, name)) => Self::new(schema, name),
            None => Self::new("public", text),
        }
    }

    /// The stored form, `schema.name` without quotes.
    pub fn fqname(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }

    /// Quoted for use in a statement.
    pub fn quoted(&self) -> String {
        quote_qualified(&self.schema, &self.name)
    }
}

impl fmt::Display for QualifiedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_ends_at_the_first_dot() {
        assert_eq!(
            QualifiedName::parse("orders"),
            QualifiedName::new("public", "orders")
        );
        let name = QualifiedName::parse("Shop.a.b");
        assert_eq!(name, QualifiedName::new("Shop", "a.b"));
        assert_eq!(name.quoted(), "\"Shop\".\"a.b\"");
        assert_eq!(name.fqname(), "Shop.a.b");
    }
}
