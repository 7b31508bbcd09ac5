//! Shapes of cascades: long, wide, and run by roles that are no superusers.

use crate::support::cascade::{Cascade, LIMIT, Server, TestRole};
use crate::support::cluster;

const TABLES: &str = "create table parent (id int primary key, v text);
     create table child (id int primary key, parent int not null references parent deferrable initially deferred, v text);
     create table t (id serial primary key, v text)";

/// Writes with everything that replay has to get right: keys, foreign keys in any order, truncation, many rows.
const LOAD: &str = r"\set id random(1, 1000000)
     begin;
     insert into child values (:id, :id, 'early') on conflict do nothing;
     insert into parent values (:id, 'late') on conflict do nothing;
     commit;
     update parent set v = 'again' where id < :id and id > :id - 50000;
     delete from child where id > :id and id < :id + 20000;
     insert into t (v) select 'many' from generate_series(1, 5);";

/// Load, a kill of every worker below the root, and all nodes are equal, with equal ticks.
fn exercise(cascade: &mut Cascade) {
    cascade.start_workers();
    cascade.psql_all(TABLES);
    cascade["root"].psql("insert into parent select i, 'copied' from generate_series(1, 500) i; insert into child select i, i, 'copied' from generate_series(1, 500) i");
    for table in ["parent", "child", "t"] {
        cascade.add_table(table);
    }
    cascade.wait_in_sync();
    let script = cascade.path("load.sql");
    std::fs::write(&script, LOAD).expect("write a script");
    let script = script.display().to_string();
    let load = cascade["root"].start_pgbench(&["-c2", "-T600", "--rate=10", "-f", &script]);
    let below: Vec<String> = cascade.nodes()[1..]
        .iter()
        .map(|node| node.name.clone())
        .collect();
    for (number, name) in below.iter().enumerate() {
        let faults = [
            "worker.apply.before-commit:3",
            "worker.apply.committed:3",
            "worker.finish.before:3",
        ];
        let node = &mut cascade[name.as_str()];
        node.stop_worker();
        node.start_worker_to_die_at(faults[number % faults.len()]);
        node.worker().wait_killed(LIMIT);
        node.start_worker();
    }
    load.end();
    cascade["root"].psql("truncate t; insert into t (v) values ('after')");
    // News of nodes travel to the end.
    let queue = cascade.queue.clone();
    cascade["root"].psql(&format!(
        "select pgq_node.register_location('{queue}', 'far', 'host=far', false)"
    ));
    cascade.wait_caught_up();
    for table in ["parent", "child", "t"] {
        cascade.assert_equal(table);
    }
    for name in &below {
        assert_eq!(
            cascade[name.as_str()]
                .psql("select node_location from pgq_node.node_location where node_name = 'far'"),
            "host=far"
        );
        let keys = "select count(*) from pg_constraint where contype = 'f' and conrelid = 'child'::regclass";
        cascade.wait_until("the foreign key to come back", || {
            cascade[name.as_str()].psql(keys) == "1"
        });
        let log = cascade[name.as_str()].log();
        assert!(!log.contains("ERROR"), "{log}");
    }
    if cascade.nodes().iter().any(|node| node.name.starts_with('b')) {
        assert!(cascade.assert_same_ticks() > 10);
    }
    cascade.stop_workers();
}

#[test]
fn a_chain_of_five() {
    let mut cascade = Cascade::new("chain5");
    cascade.create_root("root");
    for (name, provider) in [("b1", "root"), ("b2", "b1"), ("b3", "b2")] {
        cascade.create_branch(name, provider);
    }
    cascade.create_leaf("leaf", "b3");
    exercise(&mut cascade);
}

#[test]
fn a_star_of_eight() {
    let mut cascade = Cascade::new("star8");
    cascade.create_root("root");
    for number in 1..=4 {
        cascade.create_branch(&format!("b{number}"), "root");
        cascade.create_leaf(&format!("leaf{number}"), "root");
    }
    exercise(&mut cascade);
}

/// A chain in which nobody is a superuser. On a subscriber there is a trigger of a user.
fn chain_of(role: TestRole, queue: &str) -> Cascade {
    let mut cascade = Cascade::new_as(role, queue);
    for (kind, name, provider) in [
        ("root", "root", None),
        ("branch", "b1", Some("root")),
        ("branch", "b2", Some("b1")),
        ("leaf", "leaf", Some("b2")),
    ] {
        cascade.create(kind, name, Server::Shared(cluster()), provider);
        assert_eq!(
            cascade[name].psql("select usesuper from pg_user where usename = current_user"),
            "f"
        );
    }
    cascade
}

#[test]
fn owners_of_databases_run_a_chain() {
    let mut cascade = chain_of(TestRole::Plain, "chain_plain");
    exercise(&mut cascade);
    assert!(!cascade["leaf"].log().contains("session_replication_role"));
}

#[test]
fn where_the_role_of_a_replica_cannot_be_had_rows_are_applied_all_the_same() {
    let mut cascade = chain_of(TestRole::Bare, "chain_bare");
    exercise(&mut cascade);
    for name in ["b1", "b2", "leaf"] {
        let log = cascade[name].log();
        assert!(
            log.contains("session_replication_role may not be set here"),
            "{log}"
        );
    }
    // Who is not the worker is kept out as ever, and users' triggers act on replayed rows.
    let denied = cascade["leaf"].try_psql("insert into t (v) values ('by hand')");
    assert!(denied.is_err(), "{denied:?}");
    let denied = cascade["b1"].try_psql("insert into t (v) values ('by hand')");
    assert!(denied.is_err(), "{denied:?}");
    cascade["leaf"].psql(
        "create table seen (id int);
         create function see() returns trigger language plpgsql as $$ begin insert into seen values (new.id); return null; end $$;
         create trigger see after insert on t for each row execute function see()",
    );
    cascade.start_workers();
    cascade["root"].psql("insert into t (v) values ('seen')");
    cascade.wait_caught_up();
    cascade.assert_equal("t");
    assert_eq!(cascade["leaf"].psql("select count(*) from seen"), "1");
    // Another role does not pass by the same setting.
    let stranger =
        "do $$ begin if to_regrole('stranger') is null then create role stranger login; end if; end $$";
    cluster().psql("postgres", stranger);
    cascade["leaf"].psql("grant insert on t to stranger; grant usage on sequence t_id_seq to stranger");
    let denied = cluster().try_psql_as(
        "stranger",
        &cascade["leaf"].db,
        "set londiste_rs.replay = 'on'; insert into t (v) values ('by hand')",
    );
    assert!(denied.is_err(), "{denied:?}");
    // Without the key in the job file nothing is applied.
    let ini = std::fs::read_to_string(cascade["leaf"].ini()).expect("read a job file");
    std::fs::write(cascade["leaf"].ini(), ini.replace("replay_without_role = 1", ""))
        .expect("write a job file");
    cascade["leaf"].stop_worker();
    cascade["leaf"].start_worker();
    cascade.wait_until("the worker to tell of the key", || {
        cascade["leaf"]
            .log()
            .contains("replay_without_role = 1 in the job file")
    });
}

#[test]
fn a_provider_is_read_with_the_rights_of_a_reader() {
    let queue = "chain_reader";
    let mut cascade = Cascade::new(queue);
    cascade.create_root("root");
    cascade.create_leaf("leaf", "root");
    cascade.psql_all(
        "create table t (id int primary key, v text); create table late (id int primary key, v text)",
    );
    cascade.start_workers();
    cascade.add_table("t");
    cascade.wait_in_sync();
    cascade["leaf"].stop_worker();
    let root = &cascade["root"];
    cluster().psql(
        "postgres",
        "do $$ begin if to_regrole('only_reads') is null then create role only_reads login in role pgq_reader, londiste_reader; end if; end $$",
    );
    root.psql("grant select on t, late to only_reads");
    let location = cluster().connstr_as("only_reads", &root.db).replace('\'', "''");
    cascade["leaf"].psql(&format!(
        "update pgq_node.node_location set node_location = '{location}' where node_name = 'root'"
    ));
    cascade["leaf"].configure("local_wm_publish_period = 0.5");
    cascade["leaf"].start_worker();
    cascade["root"].psql(
        "insert into t select i, 'v' from generate_series(1, 3000) i; insert into late values (1, 'v')",
    );
    cascade.add_table("late");
    cascade.wait_in_sync();
    cascade.wait_caught_up();
    for table in ["t", "late"] {
        cascade.assert_equal(table);
    }
    let at = cascade["leaf"].position();
    cascade.wait_until("the watermark to be told", || {
        let sql =
            format!("select last_tick >= {at} from pgq.get_consumer_info('{queue}', '.leaf.watermark')");
        cascade["root"].psql(&sql) == "t"
    });
    let log = cascade["leaf"].log();
    assert!(!log.contains("ERROR") && !log.contains("WARNING"), "{log}");
}
