//! A table that leaves the queue and comes back while a node below has read neither.

use std::time::Duration;

use crate::support::cascade::Cascade;
use crate::support::wait::wait_for;

#[test]
fn a_table_that_came_back_is_not_attached_before_its_removal_was_read() {
    let mut cascade = Cascade::new("readd");
    cascade.create_root("root");
    cascade.create_leaf("leaf", "root");
    cascade.psql_all("create table t (id int primary key, v text)");
    cascade.start_workers();
    cascade.add_table("t");
    cascade.wait_in_sync();

    cascade["leaf"].stop_worker();
    cascade["root"].londiste(&["remove-table", "t"]);
    cascade["root"].londiste(&["add-table", "t"]);
    // Attached still, and soon not any more: add-table has to wait for a worker that reads the removal.
    std::thread::scope(|scope| {
        let leaf = &cascade["leaf"];
        let adding = scope.spawn(|| leaf.try_londiste(&["add-table", "t"]));
        wait_for("add-table to wait", Duration::from_secs(20), || {
            let admin =
                "select count(*) from pg_stat_activity where application_name like 'londiste:admin%:readd'";
            (leaf.psql(admin) != "0").then_some(())
        });
        let _worker = leaf.spawn_worker("", &[], &[]);
        let ran = adding.join().expect("run add-table");
        assert!(ran.status.success(), "{}", ran.stderr);
        assert!(
            ran.stderr
                .contains("Waiting until the worker has read the removal of public.t"),
            "{}",
            ran.stderr
        );
        wait_for("the table to be in sync", Duration::from_secs(60), || {
            (leaf.state("t") == "ok").then_some(())
        });
        assert!(
            leaf.log()
                .contains("public.t: removed from the queue on the root")
        );
    });
}
