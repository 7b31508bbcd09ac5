//! Which sum is made of the rows, and whether two servers would make the same.

use crate::error::Result;
use crate::pg::Session;
use crate::sql;

/// How rows are summed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digest {
    /// Rows are only counted.
    CountOnly,
    /// The server's own hash of the row as text. Ancestor: always this one.
    Hashtext,
    /// MD5 of the row as UTF-8 text: the same on all versions and in all encodings.
    Md5,
}

impl Digest {
    /// The query template.
    pub fn template(self) -> &'static str {
        match self {
            Self::CountOnly => "select count(1) as cnt from only _TABLE_",
            Self::Hashtext => {
                "select count(1) as cnt, sum(hashtext(_COLS_::text)::bigint) as chksum from only _TABLE_"
            }
            Self::Md5 => {
                "select count(1) as cnt, sum(('x' || substr(md5(convert_to(_COLS_::text, 'UTF8')), 1, 15))\
                 ::bit(60)::bigint) as chksum from only _TABLE_"
            }
        }
    }
}

/// What the digest of a row depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestFacts {
    /// Major version of the server.
    pub major: i32,
    /// Encoding of the database.
    pub encoding: String,
}

/// Reads what the digest depends on.
pub async fn load_facts(session: &Session) -> Result<DigestFacts> {
    let row = session.query_one(sql::compare::LOAD_DIGEST_FACTS, &[]).await?;
    Ok(DigestFacts {
        major: row.try_get("major")?,
        encoding: row.try_get("encoding")?,
    })
}

/// The digest that means the same on both sides, and why, when it is not the usual one.
pub fn choose(source: &DigestFacts, destination: &DigestFacts) -> (Digest, Option<String>) {
    if source.major != destination.major {
        let why = format!(
            "servers are of versions {} and {}: using MD5 of the rows instead of their hashtext()",
            source.major, destination.major
        );
        return (Digest::Md5, Some(why));
    }
    if source.encoding != destination.encoding {
        let why = format!(
            "databases are encoded in {} and {}: using MD5 of the rows instead of their hashtext()",
            source.encoding, destination.encoding
        );
        return (Digest::Md5, Some(why));
    }
    (Digest::Hashtext, None)
}
