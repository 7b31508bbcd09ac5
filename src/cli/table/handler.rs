//! The handler options of add-table become the stored handler string (londiste.md 9.1).

use crate::config::key::nearest;
use crate::error::{Error, Result};
use crate::pgq::urldict;

/// Handlers of this version.
const AVAILABLE: &[&str] = &["londiste"];

/// Arguments of the default handler.
const ARGUMENTS: &[&str] = &["ignore_truncate", "encoding"];

/// The string to store, `name` or `name(k=v&k2=v2)`; nothing without any option.
pub fn handler_string(name: Option<&str>, args: &[String]) -> Result<Option<String>> {
    let Some(name) = name.or((!args.is_empty()).then_some("londiste")) else {
        return Ok(None);
    };
    if name.contains('(') {
        return Err(
            Error::usage(format!("handler name \"{name}\" must not contain parentheses"))
                .with_hint("give arguments with --handler-arg=KEY=VAL"),
        );
    }
    if !AVAILABLE.contains(&name) {
        return Err(
            Error::refused(format!("handler \"{name}\" is not available in this version"))
                .with_detail(format!("available: {}", AVAILABLE.join(", "))),
        );
    }
    let mut pairs: Vec<(&str, Option<&str>)> = Vec::new();
    for arg in args {
        let Some((key, value)) = arg.split_once('=') else {
            return Err(Error::usage(format!("--handler-arg={arg}: expected KEY=VAL")));
        };
        let (key, value) = (key.trim(), value.trim());
        if !ARGUMENTS.contains(&key) {
            let error = Error::refused(format!("invalid handler argument \"{key}\""))
                .with_detail(format!("handler \"{name}\" takes: {}", ARGUMENTS.join(", ")));
            return Err(match nearest(key, ARGUMENTS.iter().copied()) {
                Some(near) => error.with_hint(format!("did you mean \"{near}\"?")),
                None => error,
            });
        }
        if pairs.iter().any(|(known, _)| *known == key) {
            return Err(Error::usage(format!("--handler-arg={key}=... is given twice")));
        }
        let allowed: &[&str] = if key == "encoding" { &["utf8"] } else { &["0", "1"] };
        if !allowed.contains(&value) {
            return Err(
                Error::refused(format!("handler argument {key}={value} is not understood"))
                    .with_detail(format!("allowed: {}", allowed.join(", "))),
            );
        }
        pairs.push((key, Some(value)));
    }
    Ok(Some(if pairs.is_empty() {
        name.to_owned()
    } else {
        format!("{name}({})", urldict::encode(pairs))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_as_the_ancestor_stores_them() {
        let args = |list: &[&str]| list.iter().map(|a| (*a).to_owned()).collect::<Vec<_>>();
        assert_eq!(handler_string(None, &[]).unwrap(), None);
        assert_eq!(
            handler_string(Some("londiste"), &[]).unwrap().as_deref(),
            Some("londiste")
        );
        assert_eq!(
            handler_string(None, &args(&["ignore_truncate=1"]))
                .unwrap()
                .as_deref(),
            Some("londiste(ignore_truncate=1)")
        );
        assert!(handler_string(Some("qtable"), &[]).is_err());
        let error = handler_string(None, &args(&["ignore_truncat=1"])).unwrap_err();
        assert_eq!(error.hints(), ["did you mean \"ignore_truncate\"?"]);
    }
}
