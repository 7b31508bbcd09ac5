//! The one module that quotes. Values normally travel as parameters or COPY; this is for what cannot.

use super::keyword_list::is_keyword;

/// Quotes an identifier; it stays bare only if it matches `[a-z_][a-z0-9_]*` and is no keyword.
pub fn quote_ident(name: &str) -> String {
    let mut bytes = name.bytes();
    let bare = matches!(bytes.next(), Some(b'a'..=b'z' | b'_'))
        && bytes.all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
        && !is_keyword(name);
    if bare {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

/// Quotes a value: `'...'` with doubled quotes, `E'...'` with doubled backslashes when there is a backslash, so that
/// the text means the same whatever `standard_conforming_strings` says.
pub fn quote_literal(value: &str) -> String {
    let mut text = String::with_capacity(value.len() + 3);
    if value.contains('\\') {
        text.push('E');
    }
    text.push('\'');
    for c in value.chars() {
        if c == '\'' || c == '\\' {
            text.push(c);
        }
        text.push(c);
    }
    text.push('\'');
    text
}

/// Quotes `schema` and `name` and joins them with a dot.
pub fn quote_qualified(schema: &str, name: &str) -> String {
    format!("{}.{}", quote_ident(schema), quote_ident(name))
}

/// Quotes a stored table name: the schema ends at the first dot, and is `public` where there is no dot.
pub fn quote_fqname(name: &str) -> String {
    let (schema, table) = name.split_once('.').unwrap_or(("public", name));
    quote_qualified(schema, table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn identifiers() {
        for (name, quoted) in [
            ("orders", "orders"),
            ("_x9", "_x9"),
            ("9x", "\"9x\""),
            ("Orders", "\"Orders\""),
            ("user", "\"user\""),
            ("a\"b", "\"a\"\"b\""),
            ("größe", "\"größe\""),
            ("a$b", "\"a$b\""),
            ("", "\"\""),
        ] {
            assert_eq!(quote_ident(name), quoted);
        }
        assert_eq!(quote_fqname("t"), "public.t");
        assert_eq!(quote_fqname("My Schema.a.b"), "\"My Schema\".\"a.b\"");
    }

    #[test]
    fn literals() {
        assert_eq!(quote_literal("it's"), "'it''s'");
        assert_eq!(quote_literal("a\\'b"), "E'a\\\\''b'");
        assert_eq!(quote_literal(""), "''");
    }

    proptest! {
        #[test]
        fn a_literal_reads_back(value in "\\PC*") {
            let text = quote_literal(&value);
            let body = text.trim_start_matches('E');
            let body = &body[1..body.len() - 1];
            let back = body.replace("''", "'").replace("\\\\", "\\");
            prop_assert_eq!(back, value);
        }

        #[test]
        fn an_identifier_reads_back(name in "\\PC+") {
            let text = quote_ident(&name);
            let back = match text.strip_prefix('"') {
                Some(rest) => rest[..rest.len() - 1].replace("\"\"", "\""),
                None => text,
            };
            prop_assert_eq!(back, name);
        }
    }
}
