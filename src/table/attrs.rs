//! What `londiste.table_info.table_attrs` says about a table: an url-dict with the keys `handler`, `copy_node`,
//! `skip_truncate`, `max_parallel_copy` (londiste.md 5.1).

use crate::error::{Error, Result};
use crate::pgq::urldict;

/// The attributes, in the order stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableAttrs(Vec<(String, Option<String>)>);

impl TableAttrs {
    /// Reads the stored text; NULL is no attributes.
    pub fn parse(stored: Option<&str>) -> Result<Self> {
        let pairs = urldict::decode(stored.unwrap_or_default())?;
        Ok(Self(
            pairs
                .into_iter()
                .map(|(k, v)| (k.into_owned(), v.map(|v| v.into_owned())))
                .collect(),
        ))
    }

    /// Value of one attribute.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(k, _)| k == key)
            .and_then(|(_, v)| v.as_deref())
    }

    /// All attributes, in the order stored.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0.iter().map(|(k, v)| (k.as_str(), v.as_deref()))
    }

    /// The text to store; `None` when there is nothing.
    pub fn stored(&self) -> Option<String> {
        (!self.0.is_empty()).then(|| urldict::encode(self.iter()))
    }

    /// Name of the member to copy from; `?` means: search upwards from the provider.
    pub fn copy_node(&self) -> Option<&str> {
        self.get("copy_node")
    }

    /// Whether the copy leaves the rows that are there.
    pub fn skip_truncate(&self) -> bool {
        self.get("skip_truncate") == Some("1")
    }

    /// The handler string, `londiste` when none is stored (`handlers` is the old spelling).
    pub fn handler(&self) -> &str {
        self.get("handler")
            .or_else(|| self.get("handlers"))
            .unwrap_or("londiste")
    }

    /// Name and arguments of the handler: `name(url-dict)`; raw commas inside the parentheses count as `&`
    /// (londiste.md 9.1).
    pub fn handler_parts(&self) -> Result<(String, Self)> {
        let text = self.handler();
        match text.split_once('(') {
            None => Ok((text.to_owned(), Self::default())),
            Some((name, rest)) => {
                let args = rest.strip_suffix(')').ok_or_else(|| {
                    Error::refused(format!("handler string \"{text}\" lacks the closing parenthesis"))
                })?;
                Ok((name.to_owned(), Self::parse(Some(&args.replace(',', "&")))?))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handler_strings_of_the_ancestor() {
        let attrs =
            TableAttrs::parse(Some("handler=shard%28key%3did%29&copy_node=%3f&skip_truncate=1")).unwrap();
        assert_eq!(attrs.handler(), "shard(key=id)");
        assert_eq!(attrs.handler_parts().unwrap().1.get("key"), Some("id"));
        assert_eq!(attrs.copy_node(), Some("?"));
        assert!(attrs.skip_truncate());
        assert_eq!(TableAttrs::parse(None).unwrap().stored(), None);
        assert_eq!(TableAttrs::parse(None).unwrap().handler(), "londiste");
    }
}
