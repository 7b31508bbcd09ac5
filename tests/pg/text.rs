//! Quoting and COPY text, with the server as the judge.

use futures::{SinkExt, StreamExt};

use super::connect;
use crate::support::database;
use londiste::pg::{copy_text, quote_ident, quote_literal};

/// Values that have broken replication somewhere at some time.
const NASTY: &[&str] = &[
    "",
    "plain",
    "it's",
    "\\",
    "a\\b",
    "\\'",
    "''",
    "\\N",
    "\\.",
    "a\tb",
    "a\nb",
    "a\r\nb",
    "\r",
    "%41",
    "a&b=c+d",
    "\"",
    "$1",
    "$$",
    ":name",
    "E'x'",
    "größe",
    "😀",
    "\u{1}\u{8}\u{b}\u{c}\u{7f}",
    "\u{feff}x",
    " lead and trail ",
    "x;--",
];

#[tokio::test]
async fn names_are_quoted_wherever_the_server_does() {
    let db = database("quote_names");
    let session = connect(&db.connstr()).await.unwrap();
    let words = session
        .query(
            "select word, catcode::text, quote_ident(word) from pg_get_keywords()",
            &[],
        )
        .await
        .unwrap();
    assert!(words.len() > 400);
    for row in words {
        let (word, category, theirs): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        if category != "U" {
            assert_eq!(quote_ident(&word), theirs, "{word}");
        }
    }
    for name in NASTY.iter().filter(|name| !name.is_empty() && name.len() < 60) {
        let sql = format!("select 1 as {}", quote_ident(name));
        let row = session.query_one(&sql, &[]).await.unwrap();
        assert_eq!(row.columns()[0].name(), *name);
    }
}

#[tokio::test]
async fn literals_mean_the_same_under_any_setting() {
    let db = database("quote_values");
    let session = connect(&db.connstr()).await.unwrap();
    for setting in ["on", "off"] {
        session
            .batch_execute(&format!("set standard_conforming_strings = {setting}"))
            .await
            .unwrap();
        for value in NASTY {
            let row = session
                .query_one(&format!("select {}::text", quote_literal(value)), &[])
                .await
                .unwrap();
            assert_eq!(
                row.get::<_, &str>(0),
                *value,
                "standard_conforming_strings = {setting}"
            );
        }
    }
}

#[tokio::test]
async fn copy_text_goes_in_and_comes_back() {
    let db = database("copy_text");
    let session = connect(&db.connstr()).await.unwrap();
    session
        .batch_execute("create table t (id int, a text, b text)")
        .await
        .unwrap();
    let mut lines = Vec::new();
    for (i, value) in NASTY.iter().enumerate() {
        let id = i.to_string();
        let other = (i % 2 == 0).then_some(value.as_bytes());
        copy_text::encode_line(&mut lines, [Some(id.as_bytes()), Some(value.as_bytes()), other]);
    }
    {
        let sink = session.copy_in("copy t from stdin").await.unwrap();
        let mut sink = std::pin::pin!(sink);
        sink.send(bytes::Bytes::from(lines.clone())).await.unwrap();
        assert_eq!(sink.finish().await.unwrap(), NASTY.len() as u64);
    }
    let rows = session
        .query("select a, b from t order by id", &[])
        .await
        .unwrap();
    for (i, row) in rows.iter().enumerate() {
        assert_eq!(row.get::<_, &str>(0), NASTY[i]);
        assert_eq!(row.get::<_, Option<&str>>(1), (i % 2 == 0).then_some(NASTY[i]));
    }
    let out = session
        .copy_out("copy (select * from t order by id) to stdout")
        .await
        .unwrap();
    let chunks: Vec<_> = out.collect().await;
    assert_eq!(chunks.len(), NASTY.len());
    for (i, chunk) in chunks.into_iter().enumerate() {
        let chunk = chunk.unwrap();
        let fields = copy_text::decode_line(&chunk);
        assert_eq!(fields[1].as_deref(), Some(NASTY[i].as_bytes()));
        assert_eq!(fields[2].as_deref(), (i % 2 == 0).then_some(NASTY[i].as_bytes()));
    }
}
