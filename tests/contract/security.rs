//! Rights: functions that run with their owner's rights cannot be led elsewhere, and everybody may call no more than is
//! written down.

use crate::support::{database, install};

/// Definer's rights without a search_path of their own: the clause costs a fifth of the rate of small transactions or
/// more, so these and what they call name everything with its schema (traps.rs proves it).
const UNPINNED: &[&str] = &[
    "pgq.insert_event(text,text,text,text,text,text,text)",
    "pgq.jsontriga()",
    "pgq.logutriga()",
    "pgq.sqltriga()",
];

/// What everybody may execute: what the ancestor gives to everybody, unless a line says otherwise.
const PUBLIC: &[&str] = &[
    "londiste.find_column_types(text)",
    "londiste.find_rel_oid(text,text)",
    "londiste.find_seq_oid(text)",
    "londiste.find_table_fkeys(text)",
    "londiste.find_table_oid(text)",
    "londiste.is_replica_func(oid)",
    "londiste.make_fqname(text)",
    "londiste.quote_fqname(text)",
    "londiste.split_fqname(text)",
    "londiste.version()",
    // What public.logtriga calls with its caller's rights: it turns a row that it is given into text.
    "londiste_rs._change_sql(text,oid,text,anyelement,anyelement)",
    // What londiste.is_replica_func calls with its caller's rights.
    "londiste_rs.is_capture(oid)",
    // What pgq.get_queue_info calls with its caller's rights.
    "pgq._event_seq_pos(text)",
    // What a writer's events pass through; it tells one setting's meaning.
    "pgq._may_replay()",
    // These again are the ancestor's.
    "pgq.get_consumer_info()",
    "pgq.get_consumer_info(text)",
    "pgq.get_consumer_info(text,text)",
    "pgq.get_queue_info()",
    "pgq.get_queue_info(text)",
    "pgq.quote_fqname(text)",
    "pgq.seq_getval(text)",
    "pgq.version()",
    // Versions are no secret.
    "pgq_coop.version()",
    "pgq_ext.version()",
    "pgq_node.is_leaf_node(text)",
    "pgq_node.is_root_node(text)",
    "pgq_node.version()",
];

/// Functions of our schemas that satisfy `condition`, by name.
fn functions(condition: &str) -> Vec<String> {
    let db = database("security");
    install(&db);
    let answer = db.psql(&format!(
        "select p.oid::regprocedure from pg_proc p join pg_namespace n on n.oid = p.pronamespace \
          where n.nspname ~ '^(pgq|londiste)' and {condition} order by p.oid::regprocedure::text collate \"C\""
    ));
    answer.lines().map(str::to_owned).collect()
}

#[test]
fn definers_pin_the_search_path() {
    let unpinned =
        functions("prosecdef and not 'search_path=pg_catalog, pg_temp' = any (coalesce(proconfig, '{}'))");
    assert_eq!(
        unpinned, UNPINNED,
        "left: installed; right: allowed, with a reason"
    );
}

#[test]
fn everybody_may_call_only_what_is_written_down() {
    let public = functions(
        "exists (select 1 from aclexplode(coalesce(proacl, acldefault('f', proowner))) where grantee = 0)",
    );
    assert_eq!(public, PUBLIC, "left: installed; right: documented");
}
