//! What a copy says when it cannot go on, and that it does when the cause is gone.

use super::pair;

#[test]
fn errors_of_a_copy_say_what_to_do() {
    let mut cascade = pair("copyerr");
    cascade.psql_all(
        "create table rights (id int primary key, v text); create table kinds (id int primary key, v text); \
         create table filled (id int primary key, v text); create table gone (id int primary key, v text); \
         create table lost (id int primary key, v text); create table odd (id int primary key, v text)",
    );
    let tables = ["rights", "kinds", "filled", "gone", "lost", "odd"];
    let root = &cascade["root"];
    root.server.psql(
        &root.db,
        "create role copyerr_reader login in role pgq_admin, pgq_reader, pgq_writer, londiste_writer; \
         grant select on kinds, filled, gone, lost, odd to copyerr_reader; \
         insert into rights values (1, 'a'); insert into kinds values (1, 'a'); insert into filled values (1, null); \
         insert into gone values (1, 'a'); insert into lost values (1, 'a'); insert into odd values (1, 'a')",
    );
    cascade["leaf"].stop_worker();
    cascade["leaf"].configure("remote_extra_connstr = user=copyerr_reader");
    for table in tables {
        cascade.add_table(table);
    }
    let leaf = &cascade["leaf"];
    leaf.psql(
        "alter table kinds alter v type int using null; alter table filled alter v set not null; drop table gone; \
         alter table odd rename v to w; alter table odd rename id to n",
    );
    cascade["root"].psql("drop table lost");
    // One place for each, for all of them fail at first.
    cascade["leaf"].start_worker_with(&[], &["--set", "parallel_copies=6"]);
    let leaf = &cascade["leaf"];
    for (table, parts) in [
        (
            "rights",
            [
                "cannot be read on node \"root\"",
                "grant select on public.rights to ROLE",
            ],
        ),
        (
            "kinds",
            [
                "cannot be written on this node",
                "compare the column types of both tables",
            ],
        ),
        (
            "filled",
            [
                "cannot be written on this node",
                "a constraint of this node refuses rows of the provider",
            ],
        ),
        (
            "gone",
            [
                "cannot be written on this node",
                "the table is gone on this node: create it again",
            ],
        ),
        (
            "lost",
            ["\"public.lost\" does not exist on the source", "create it there"],
        ),
        (
            "odd",
            [
                "has no column in common with the source",
                "compare the definitions",
            ],
        ),
    ] {
        cascade.wait_until(&format!("the copy of {table} to say {parts:?}"), || {
            leaf.log().lines().any(|line| {
                line.contains(&format!("copy of table public.{table}:"))
                    && parts.iter().all(|part| line.contains(part))
            })
        });
    }
    leaf.psql(
        "set session_replication_role = replica; alter table kinds alter v type text; \
         alter table filled alter v drop not null; alter table odd rename w to v; alter table odd rename n to id; \
         create table gone (id int primary key, v text)",
    );
    cascade["root"].psql(
        "grant select on rights to copyerr_reader; create table lost (id int primary key, v text); \
         grant select on lost to copyerr_reader",
    );
    cascade.wait_in_sync();
    for table in tables {
        cascade.assert_equal(table);
    }
}
