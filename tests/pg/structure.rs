//! Table structure: what is dropped comes back as it was, and a table made from another one is like it.

use std::collections::BTreeSet;

use londiste::pg::structure::{CreateDetail, CreatePlan, TableStructure, load_structure};
use londiste::pg::{AppName, ConnInfo, QualifiedName, Session};

use crate::support::{Database, database};

const NAME: (&str, &str) = ("My Schema", "T.ä");

const TYPES: &str = "create type mood as enum ('a', 'b'); create schema \"My Schema\"; \
    create function f() returns trigger language plpgsql as 'begin return new; end'";

const TABLE: &str = r#"
    create table "My Schema"."T.ä" (
        id int generated always as identity (start 5),
        b text collate "C" not null default 'x''y',
        c mood default 'a',
        d numeric(10,2),
        e int generated always as (id * 2) stored,
        s serial,
        t timestamptz default now(),
        "Pk 1" text not null,
        primary key ("Pk 1", id) include (b));
    create index on "My Schema"."T.ä" (lower(b)) where d > 3;
    alter index "My Schema"."T.ä_lower_idx" alter column 1 set statistics 300;
    create unique index u on "My Schema"."T.ä" (d desc) with (fillfactor = 50);
    create index g on "My Schema"."T.ä" using gin (to_tsvector('simple', b)) with (fastupdate = off);
    alter table "My Schema"."T.ä" cluster on u, add check (d > 0),
        add unique (t) with (fillfactor = 70) deferrable initially deferred,
        add exclude using gist (int4range(0, e) with &&) where (d > 1),
        replica identity using index "T.ä_pkey";
    comment on index "My Schema".u is 'it''s';
    comment on constraint "T.ä_pkey" on "My Schema"."T.ä" is $$a\b$$;
    comment on table "My Schema"."T.ä" is 'tbl';
    comment on column "My Schema"."T.ä"."Pk 1" is 'col';
    grant select on "My Schema"."T.ä" to public;
    grant update (b) on "My Schema"."T.ä" to pg_monitor with grant option;
    create trigger tr before update of b on "My Schema"."T.ä" for each row
        when (new.b is distinct from old.b) execute function f('q1', 'b');
    alter table "My Schema"."T.ä" enable always trigger tr;
    create rule r as on update to "My Schema"."T.ä" where new.d = 77 do instead nothing"#;

async fn connect(db: &Database) -> Session {
    let info = ConnInfo::parse(&db.connstr()).unwrap();
    Session::connect(&info, &AppName::new("test", "node", "queue"))
        .await
        .unwrap()
}

async fn load(session: &Session, name: &QualifiedName) -> TableStructure {
    load_structure(&**session, name).await.unwrap().unwrap()
}

/// Everything but the object ids.
fn text(structure: &TableStructure) -> String {
    let mut structure = structure.clone();
    structure.oid = 0;
    structure.columns.iter_mut().for_each(|c| c.type_oid = 0);
    structure.indexes.iter_mut().for_each(|i| i.oid = 0);
    structure
        .constraints
        .iter_mut()
        .for_each(|c| c.index = c.index.map(|_| 1));
    format!("{structure:#?}")
}

#[tokio::test]
async fn what_is_dropped_comes_back_as_it_was() {
    let db = database("structure");
    db.psql(TYPES);
    db.psql(TABLE);
    let session = connect(&db).await;
    let name = QualifiedName::new(NAME.0, NAME.1);
    let before = load(&session, &name).await;
    let objects = before.droppable_objects();
    assert_eq!(objects.len(), 6);
    for object in objects.iter().rev() {
        session.batch_execute(&object.drop_sql).await.unwrap();
    }
    assert_eq!(
        db.psql("select count(*) from pg_indexes where tablename = 'T.ä'"),
        "0"
    );
    for statement in objects.iter().flat_map(|object| &object.create_sql) {
        session.batch_execute(statement).await.unwrap();
    }
    assert_eq!(text(&before), text(&load(&session, &name).await));
    assert_eq!(
        session
            .query_one("show search_path", &[])
            .await
            .unwrap()
            .get::<_, &str>(0),
        "\"$user\", public"
    );
}

#[tokio::test]
async fn what_cannot_come_back_is_left_in_place() {
    let db = database("structure");
    db.psql(
        "create table p (id int primary key, a int) partition by range (id); create index on p (a); \
         create table p1 partition of p for values from (0) to (10); create index own on p1 (id, a); \
         create table g (id int primary key, a int); create view v as select id, a from g group by id",
    );
    let session = connect(&db).await;
    let names = |structure: TableStructure| {
        structure
            .droppable_objects()
            .into_iter()
            .map(|o| o.name)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names(load(&session, &QualifiedName::parse("p")).await),
        Vec::<String>::new()
    );
    assert_eq!(names(load(&session, &QualifiedName::parse("p1")).await), ["own"]);
    assert_eq!(
        names(load(&session, &QualifiedName::parse("g")).await),
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn a_full_copy_of_a_table_is_equal() {
    let (from, to) = (database("structure"), database("structure"));
    from.psql(TYPES);
    from.psql(TABLE);
    to.psql(TYPES);
    let (source, target) = (connect(&from).await, connect(&to).await);
    let name = QualifiedName::new(NAME.0, NAME.1);
    let original = load(&source, &name).await;
    let mut taken = BTreeSet::new();
    for (table, detail) in [
        (name.clone(), CreateDetail::Full),
        (QualifiedName::new("public", "Full copy"), CreateDetail::Full),
        (QualifiedName::new("My Schema", "basic"), CreateDetail::Basic),
    ] {
        let plan = CreatePlan {
            table: &table,
            detail,
            taken: &taken,
        };
        for statement in original.plan_create(&plan) {
            target
                .batch_execute(&statement.sql)
                .await
                .unwrap_or_else(|e| panic!("{}: {e:?}", statement.sql));
        }
        let made = load(&target, &table).await;
        if table == name {
            assert_eq!(text(&original), text(&made));
            taken.insert(QualifiedName::new("My Schema", "T.ä_s_seq"));
        }
        if detail == CreateDetail::Full {
            assert_eq!(made.differences_from(&original), []);
        }
        assert_eq!(made.primary_key(), ["Pk 1", "id"]);
        assert_eq!(made.columns[0].identity, original.columns[0].identity);
        assert_eq!(made.columns[4].default, original.columns[4].default);
    }
}

#[tokio::test]
async fn a_missing_table_is_nothing() {
    let db = database("structure");
    let session = connect(&db).await;
    assert!(
        load_structure(&*session, &QualifiedName::parse("nope"))
            .await
            .unwrap()
            .is_none()
    );
}
