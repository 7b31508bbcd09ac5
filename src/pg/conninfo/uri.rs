//! The URI form: `postgresql://[user[:password]@][host][:port][,...][/dbname][?param=value&...]`.

use percent_encoding::percent_decode_str;

use super::keyword::{self, Keyword};
use super::refuse_nul;
use crate::error::{Error, Result};

/// What follows the scheme, when `text` is a URI.
pub(super) fn strip_scheme(text: &str) -> Option<&str> {
    let text = text.trim();
    text.strip_prefix("postgresql://")
        .or_else(|| text.strip_prefix("postgres://"))
}

/// Reads everything after the scheme. No message quotes the text before `@`: it may be a password.
pub(super) fn parse(text: &str) -> Result<Vec<(&'static Keyword, String)>> {
    let mut pairs = Vec::new();
    let mut rest = text;
    if let Some(at) = text.find(['@', '/']).filter(|at| text[*at..].starts_with('@')) {
        let (user, password) = match text[..at].split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (&text[..at], None),
        };
        push(&mut pairs, "user", user, false)?;
        push(&mut pairs, "password", password.unwrap_or(""), false)?;
        rest = &text[at + 1..];
    }
    let (mut hosts, mut ports) = (Vec::new(), Vec::new());
    loop {
        let (host, port, left) = read_host(rest)?;
        hosts.push(host);
        ports.push(port);
        rest = left;
        match rest.strip_prefix(',') {
            Some(left) => rest = left,
            None => break,
        }
    }
    push(&mut pairs, "host", &hosts.join(","), false)?;
    push(&mut pairs, "port", &ports.join(","), false)?;
    if let Some(path) = rest.strip_prefix('/') {
        let end = path.find('?').unwrap_or(path.len());
        push(&mut pairs, "dbname", &path[..end], false)?;
        rest = &path[end..];
    }
    if let Some(query) = rest.strip_prefix('?').filter(|q| !q.is_empty()) {
        for param in query.split('&') {
            read_param(&mut pairs, param)?;
        }
    }
    Ok(pairs)
}

const ESCAPES: &str = "in user name and password write \"@\" as %40, \"/\" as %2F and \":\" as %3A";

/// Reads one host and port and returns what is left, which starts with `,`, `/`, `?` or is empty.
fn read_host(text: &str) -> Result<(&str, &str, &str)> {
    let (host, rest) = if let Some(inner) = text.strip_prefix('[') {
        let end = inner
            .find(']')
            .ok_or_else(|| Error::config("connection URI: \"]\" is missing after an IPv6 address"))?;
        if end == 0 {
            return Err(Error::config(
                "connection URI: the IPv6 address between \"[\" and \"]\" is empty",
            ));
        }
        let rest = &inner[end + 1..];
        if !rest.is_empty() && !rest.starts_with([':', '/', '?', ',']) {
            return Err(Error::config(
                "connection URI: \":port\", \"/\", \"?\" or \",\" has to follow \"]\"",
            ));
        }
        (&inner[..end], rest)
    } else {
        text.split_at(text.find([':', '/', '?', ',']).unwrap_or(text.len()))
    };
    if host.contains('@') {
        return Err(
            Error::config("connection URI: there is more than one \"@\" before the database name")
                .with_hint(ESCAPES),
        );
    }
    match rest.strip_prefix(':') {
        Some(rest) => {
            let (port, rest) = rest.split_at(rest.find(['/', '?', ',']).unwrap_or(rest.len()));
            // Not printed: after an unescaped slash it is the start of a password.
            if !port.bytes().all(|b| b.is_ascii_digit() || b == b'%') {
                return Err(
                    Error::config("connection URI: what follows \":\" is no port number").with_hint(ESCAPES),
                );
            }
            Ok((host, port, rest))
        }
        None => Ok((host, "", rest)),
    }
}

fn read_param(pairs: &mut Vec<(&'static Keyword, String)>, param: &str) -> Result<()> {
    let (name, value) = match param.split_once('=') {
        Some((name, value)) if !value.contains('=') => (name, value),
        Some((name, _)) => {
            return Err(Error::config(format!(
                "connection URI: second \"=\" in the parameter \"{name}\""
            ))
            .with_hint("write an equals sign inside a value as %3D, an ampersand as %26"));
        }
        None => {
            return Err(match pairs.last() {
                Some((keyword, _)) if keyword.secret => Error::config(format!(
                    "connection URI: \"=\" is missing in what follows the parameter \"{}\"",
                    keyword.name
                )),
                _ => Error::config(format!(
                    "connection URI: \"=\" is missing after the parameter \"{param}\""
                )),
            }
            .with_hint("write an ampersand inside a value as %26"));
        }
    };
    let name = decode("parameter name", name)?;
    // JDBC's spelling, which libpq takes too.
    if name == "ssl" && value == "true" {
        return push(pairs, "sslmode", "require", true);
    }
    push(pairs, &name, value, true)
}

fn push(pairs: &mut Vec<(&'static Keyword, String)>, name: &str, raw: &str, even_empty: bool) -> Result<()> {
    if raw.chars().all(|c| c == ',') && !even_empty {
        // Only separators: nothing was said about hosts or ports, except how many there are.
        if raw.is_empty() || name == "port" {
            return Ok(());
        }
    }
    let keyword = keyword::find(name)?;
    let value = decode(keyword.name, raw)?;
    refuse_nul(keyword.name, &value)?;
    pairs.push((keyword, value));
    Ok(())
}

fn decode(what: &str, raw: &str) -> Result<String> {
    let valid = raw.split('%').skip(1).all(|after| {
        let digits = after.as_bytes();
        digits.len() >= 2 && digits[..2].iter().all(u8::is_ascii_hexdigit)
    });
    if !valid {
        return Err(
            Error::config(format!("connection URI: wrong percent-encoding in {what}"))
                .with_hint("write a percent sign itself as %25"),
        );
    }
    percent_decode_str(raw)
        .decode_utf8()
        .map(|text| text.into_owned())
        .map_err(|_| Error::config(format!("connection URI: {what} is not UTF-8 text")))
}

#[cfg(test)]
mod tests {
    use super::super::ConnInfo;
    use proptest::prelude::*;

    fn masked(text: &str) -> String {
        ConnInfo::parse(text).unwrap().exposed()
    }

    #[test]
    fn forms_of_the_manual() {
        for (uri, text) in [
            ("postgresql://", ""),
            ("postgresql://localhost", "host=localhost"),
            ("postgres://localhost:5433", "host=localhost port=5433"),
            ("postgresql://localhost/mydb", "host=localhost dbname=mydb"),
            ("postgresql://user@localhost", "user=user host=localhost"),
            (
                "postgresql://user:secret@localhost",
                "user=user password=secret host=localhost",
            ),
            (
                "postgresql://other@localhost/otherdb?connect_timeout=10&application_name=myapp",
                "user=other host=localhost dbname=otherdb connect_timeout=10 application_name=myapp",
            ),
            (
                "postgresql://host1:123,host2:456/somedb?target_session_attrs=any",
                "host=host1,host2 port=123,456 dbname=somedb target_session_attrs=any",
            ),
            (
                "postgresql:///mydb?host=localhost&port=5433",
                "dbname=mydb host=localhost port=5433",
            ),
            (
                "postgresql://[2001:db8::1234]:99/database",
                "host=2001:db8::1234 port=99 dbname=database",
            ),
            (
                "postgresql://%2Fvar%2Flib%2Fpostgresql/dbname",
                "host=/var/lib/postgresql dbname=dbname",
            ),
            (
                "postgresql://u:p%40ss%3A%2F@h/a%20b",
                "user=u password=p@ss:/ host=h dbname='a b'",
            ),
            ("postgresql://a,b,/d", "host=a,b, dbname=d"),
            ("postgresql://a:1,b/d", "host=a,b port=1, dbname=d"),
            ("postgresql://h/d?ssl=true", "host=h dbname=d sslmode=require"),
            ("postgresql://@h", "host=h"),
            ("postgresql://h?user=", "host=h user=''"),
            ("postgresql://[::1],[::2]", "host=::1,::2"),
        ] {
            assert_eq!(masked(uri), text, "{uri}");
        }
    }

    #[test]
    fn errors() {
        for (uri, message) in [
            (
                "postgresql://[::1",
                "connection URI: \"]\" is missing after an IPv6 address",
            ),
            (
                "postgresql://[]",
                "connection URI: the IPv6 address between \"[\" and \"]\" is empty",
            ),
            (
                "postgresql://[::1]x",
                "connection URI: \":port\", \"/\", \"?\" or \",\" has to follow \"]\"",
            ),
            (
                "postgresql://h/d%2",
                "connection URI: wrong percent-encoding in dbname",
            ),
            (
                "postgresql://h/%00",
                "connection parameter \"dbname\" contains a zero byte",
            ),
            ("postgresql://h/%ff", "connection URI: dbname is not UTF-8 text"),
            (
                "postgresql://h/d?user",
                "connection URI: \"=\" is missing after the parameter \"user\"",
            ),
            (
                "postgresql://h/d?user=a=b",
                "connection URI: second \"=\" in the parameter \"user\"",
            ),
            ("postgresql://h/d?usr=a", "unknown connection parameter \"usr\""),
        ] {
            assert_eq!(ConnInfo::parse(uri).unwrap_err().message(), message, "{uri}");
        }
    }

    #[test]
    fn secrets_are_not_in_errors() {
        for uri in [
            "postgresql://u:s3cr%zzet@h",
            "postgresql://u:p@s3cret@h/d",
            "postgresql://u:s3cr/et@h/d",
            "postgresql://h?password=a&s3cret",
            "postgresql://h?password=s3cret=x",
        ] {
            let error = ConnInfo::parse(uri).unwrap_err();
            assert!(!error.report().contains("s3cr"), "{error:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC*") {
            let _ = ConnInfo::parse(&format!("postgresql://{text}"));
        }
    }
}
