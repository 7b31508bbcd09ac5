//! Tables come and go under load.

use crate::support::cascade::Cascade;

#[test]
fn a_table_joins_and_follows() {
    let mut cascade = Cascade::new("joins");
    cascade.create_root("root");
    cascade.create_leaf("leaf", "root");
    cascade.psql_all("create table t (id int primary key, v text)");
    cascade["root"].psql("insert into t select i, 'first ' || i from generate_series(1, 1000) i");
    cascade.start_workers();
    cascade.add_table("t");
    cascade.wait_in_sync();
    cascade["root"].psql("insert into t select i, 'then ' || i from generate_series(1001, 2000) i");
    cascade["root"].psql("update t set v = 'changed' where id % 7 = 0; delete from t where id % 11 = 0");
    cascade.wait_caught_up();
    cascade.assert_equal("t");
    cascade.assert_no_stray_consumers();
}
