//! Names that need care: mixed case, quotes, dots, Unicode, reserved words, full length.

use super::{assert_same, pair};

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[test]
fn names_of_schemas_tables_and_columns() {
    let cascade = pair("names");
    let (root, leaf) = (&cascade["root"], &cascade["leaf"]);
    let long = "x".repeat(63);
    let long_unicode = "ß".repeat(31);
    let names = [
        "MixedCase",
        "with space",
        " space around ",
        "dotted.name",
        "..",
        "quote\"d",
        "it's",
        "back\\slash",
        "select",
        "größe 漢字 😀",
        "%41&a=b+c%",
        "$1 $$",
        "a,b",
        "a:b",
        "{json}",
        "pct%s %1$s %I",
        "user",
        "line\nbreak\ttab",
        "(a,b)",
        long.as_str(),
        long_unicode.as_str(),
    ];
    // One table per name, with every name as a column; keys of plain names, for events join the names by commas.
    let key = ["MixedCase", "größe 漢字 😀"];
    let mut tables: Vec<String> = Vec::new();
    let mut create = String::new();
    for name in names {
        // The schema of a stored name ends at the first dot, so a schema cannot have one.
        let schema = name.replace('.', "_");
        tables.push(format!("{schema}.{name}"));
        let columns: Vec<String> = names
            .iter()
            .map(|column| format!("{} text", quoted(column)))
            .collect();
        create.push_str(&format!(
            "create schema {0}; create table {0}.{1} ({2}, primary key ({4}, {3})); create index on {0}.{1} ({5});",
            quoted(&schema),
            quoted(name),
            columns.join(", "),
            quoted(key[0]),
            quoted(key[1]),
            quoted("line\nbreak\ttab"),
        ));
    }
    cascade.psql_all(&create);
    let full = |table: &str| {
        let (schema, name) = table.split_once('.').expect("a schema");
        format!("{}.{}", quoted(schema), quoted(name))
    };
    let values: Vec<String> = (0..names.len()).map(|i| format!("'{i}-' || i")).collect();
    let fill = |from: usize, to: usize| -> String {
        tables
            .iter()
            .map(|table| {
                format!(
                    "insert into {} select {} from generate_series({from}, {to}) i;\n",
                    full(table),
                    values.join(", ")
                )
            })
            .collect()
    };
    root.psql(&fill(1, 10));
    for (group, flags) in ["", "--trigger-flags=J", "--trigger-flags=Q"].iter().enumerate() {
        let group: Vec<&str> = tables
            .iter()
            .map(String::as_str)
            .enumerate()
            .filter(|(i, _)| i % 3 == group)
            .map(|(_, t)| t)
            .collect();
        for node in [root, leaf] {
            let mut args = vec!["add-table"];
            args.extend(&group);
            if node.name == "root" && !flags.is_empty() {
                args.push(flags);
            }
            node.londiste(&args);
        }
    }
    cascade.wait_in_sync();
    root.psql(&fill(11, 20));
    let changes: String = tables
        .iter()
        .map(|table| {
            format!(
                "update {0} set {1} = 'changed', {2} = null where {3} like '%1'; \
                 update {0} set {3} = {3} || 'k' where {3} like '%2'; delete from {0} where {3} like '%3';",
                full(table),
                quoted("quote\"d"),
                quoted("%41&a=b+c%"),
                quoted(key[0]),
            )
        })
        .collect();
    root.psql(&changes);
    cascade.wait_caught_up();
    for table in &tables {
        assert_same(
            &cascade,
            &format!(
                "select * from {} order by {} collate \"C\"",
                full(table),
                quoted(key[0])
            ),
        );
        assert_eq!(
            root.structure(&full(table)).replace('\n', ";"),
            leaf.structure(&full(table)).replace('\n', ";"),
            "indexes of {table}"
        );
    }
    // Everything that takes a table's name takes these.
    for node in [leaf, root] {
        let first: Vec<&str> = tables.iter().map(String::as_str).collect();
        if node.name == "leaf" {
            let mut args = vec!["resync"];
            args.extend(&first);
            node.londiste(&args);
            cascade.wait_in_sync();
        }
        let mut args = vec!["remove-table"];
        args.extend(&first);
        node.londiste(&args);
    }
}

#[test]
fn key_columns_with_awkward_names() {
    let cascade = pair("key_names");
    cascade.psql_all(
        "create table t (\" b\" int, \"a&%b\" int, \"a\" int, \"c:d \" int, v text,
             primary key (\"a&%b\", \"c:d \", a, \" b\"));",
    );
    cascade["root"]
        .psql("insert into t select i, i + 100, i + 200, i + 300, 'v' from generate_series(1, 10) i");
    cascade.add_table("t");
    cascade.wait_in_sync();
    cascade["root"].psql(
        "insert into t values (1, 2, 3, 4, 'new'); update t set v = 'w' where \" b\" < 3; update t set a = a + 1000 \
         where \" b\" = 5; delete from t where \" b\" > 8",
    );
    cascade.wait_caught_up();
    assert_same(&cascade, "select * from public.t order by 1, 2, 3, 4");
}
