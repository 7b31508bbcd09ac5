//! Hides passwords in any text that may hold a connection string, a URI or SQL around one.
//!
//! It would rather hide too much than too little: the text may be cut, quoted twice or wrong.

/// The ends of words before `=` whose values are hidden: also `sslpassword`, `PGPASSWORD`.
const SECRET_KEYS: &[&str] = &[
    "password",
    "passwd",
    "scram_client_key",
    "scram_server_key",
    "oauth_client_secret",
];

/// Replaces each password in `text` by `***`.
pub fn mask_passwords(text: &str) -> String {
    mask_assignments(&mask_uris(text))
}

/// `scheme://user:secret@host`.
fn mask_uris(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let end = after.find(char::is_whitespace).unwrap_or(after.len());
        let uri = &after[..end];
        // A raw slash in a password is wrong, and yet a password: look behind the slash too.
        let path = uri.find('/').unwrap_or(uri.len());
        let query = uri.find('?').unwrap_or(uri.len());
        let user_end = uri[..path].rfind('@').or_else(|| uri[..query].rfind('@'));
        // libpq takes blanks in a password as they are.
        let user_end = user_end.or_else(|| {
            let line = after.lines().next().unwrap_or("");
            let at = line.find(['@', '/']).filter(|at| line[*at..].starts_with('@'));
            at.filter(|_| before.ends_with("postgresql://") || before.ends_with("postgres://"))
        });
        let colon = user_end.and_then(|end| after[..end].find(':').map(|colon| (colon, end)));
        match colon {
            Some((colon, user_end)) => {
                out.push_str(&after[..=colon]);
                out.push_str("***");
                rest = &after[user_end..];
            }
            None => rest = after,
        }
    }
    out.push_str(rest);
    out
}

/// `password = value`, the value bare or in quotes.
fn mask_assignments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('=') {
        let (before, after) = rest.split_at(at + 1);
        out.push_str(before);
        rest = after;
        let word = before[..at]
            .trim_end()
            .rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .next();
        let word = word.unwrap_or("").to_ascii_lowercase();
        if SECRET_KEYS.iter().any(|key| word.ends_with(key)) {
            let value = rest.trim_start();
            out.push_str(&rest[..rest.len() - value.len()]);
            let left = skip_value(value);
            if left.len() < value.len() {
                out.push_str("***");
            }
            rest = left;
        }
    }
    out.push_str(rest);
    out
}

/// What follows a value. Inside an SQL literal the quotes are doubled (`''two words''`).
fn skip_value(value: &str) -> &str {
    for quote in ["''", "'", "\\\"", "\""] {
        let Some(inner) = value.strip_prefix(quote) else {
            continue;
        };
        if quote == "''" && !inner.contains("''") {
            // An empty value.
            return inner;
        }
        let mut from = 0;
        loop {
            let Some(at) = inner[from..].find(quote).map(|at| at + from) else {
                return "";
            };
            let slashes = inner[..at].bytes().rev().take_while(|b| *b == b'\\').count();
            if slashes % 2 == 0 {
                return &inner[at + quote.len()..];
            }
            from = at + quote.len();
        }
    }
    let mut escaped = false;
    for (at, c) in value.char_indices() {
        if c.is_whitespace() && !escaped {
            return &value[at..];
        }
        escaped = c == '\\' && !escaped;
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn passwords_are_hidden() {
        for (text, masked) in [
            ("host=a password=x dbname=b", "host=a password=*** dbname=b"),
            ("password = 'two words' host=a", "password = *** host=a"),
            ("password='it\\'s here' host=a", "password=*** host=a"),
            ("password=a\\ b host=a", "password=*** host=a"),
            ("password= host=a", "password= ***"),
            ("PGPASSWORD=x psql", "PGPASSWORD=*** psql"),
            ("PASSWORD=x sslpassword=y", "PASSWORD=*** sslpassword=***"),
            ("password='' host=a", "password=*** host=a"),
            ("password='never ends", "password=***"),
            (
                "select f('password=''two words'' host=a')",
                "select f('password=*** host=a')",
            ),
            ("postgresql://u:s@h:1/d?x=y", "postgresql://u:***@h:1/d?x=y"),
            ("postgresql://u:s/t@h/d", "postgresql://u:***@h/d"),
            ("postgresql://u:two words@h/d x", "postgresql://u:***@h/d x"),
            ("see http://h:80 and a@b", "see http://h:80 and a@b"),
            ("postgresql://u@h:5432/d", "postgresql://u@h:5432/d"),
            (
                "postgresql://h/d?password=x&user=u",
                "postgresql://h/d?password=***",
            ),
            (
                "two: postgres://a:b@c postgres://d:e@f",
                "two: postgres://a:***@c postgres://d:***@f",
            ),
            (
                "password authentication failed for user \"x\"",
                "password authentication failed for user \"x\"",
            ),
            ("passfile=/x sslmode=require", "passfile=/x sslmode=require"),
        ] {
            assert_eq!(mask_passwords(text), masked, "{text}");
        }
    }

    proptest! {
        #[test]
        fn quoted_passwords_never_show(secret in "[a-zA-Z0-9 ='\\\\&@/]{0,12}") {
            let secret = format!("S3{secret}CR3T");
            let info = super::super::ConnInfo::default().with("password", &secret).unwrap();
            let text = format!("cannot use \"host=h {} dbname=d\"", info.exposed());
            let masked = mask_passwords(&text);
            prop_assert!(!masked.contains("CR3T") && !masked.contains("S3"), "{}", masked);
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC*") {
            mask_passwords(&text);
        }
    }
}
